declare const __DIVERGRAD_VERSION__: string;

/** The version in package.json, filled in when the library is bundled. */
export const version: string = __DIVERGRAD_VERSION__;
