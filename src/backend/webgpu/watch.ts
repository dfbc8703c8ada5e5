import { BackendError, type DeviceDetails, type DeviceFault } from '../../errors.ts';

/** What to do about each fault. */
const remedies: Readonly<Record<DeviceFault, string>> = {
  absent: 'Use the wasm backend.',
  lost: 'Open the device anew; a training run resumes from its last checkpoint.',
  memory: 'Use a smaller batch, network or replay buffer, or the wasm backend.',
  limit: 'Use a smaller batch, network or replay buffer, or the wasm backend.',
  validation: 'Update the driver, or use the wasm backend.',
  shader: 'Update the driver, or use the wasm backend.',
  disposed: 'Open the device anew.',
  timeout: 'Open the device anew with fewer updates a run, or use the wasm backend.',
};

/** How long to wait for a device, and what to do meanwhile. */
export interface Waiting {
  readonly patienceSeconds: number;
  /** Takes what is waited for. */
  readonly rest: ((promise: Promise<unknown>) => void) | undefined;
}

/**
 * What goes wrong on a device: errors come late and from elsewhere, and the first is the one to tell; those that follow are
 * mostly its consequences.
 */
export class DeviceWatch {
  /** Error scopes whose result has not come yet. */
  private readonly scopes = new Set<Promise<void>>();
  private failure: BackendError | undefined;
  private isLost = false;

  /**
   * @param isClosed whether the device was disposed of, so that its end is no fault
   */
  constructor(
    private readonly device: GPUDevice,
    private readonly description: string,
    private readonly waiting: Waiting,
    isClosed: () => boolean,
  ) {
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      this.fail(kindOf(error), `The device reports: ${error.message}`);
    });
    device.lost.then((reason) => {
      if (isClosed()) return;
      this.isLost = true;
      this.failure = undefined; // whatever came before is explained by this
      this.fail('lost', `The device was lost: ${(reason.message || reason.reason).replace(/\.$/, '')}.`);
    });
  }

  get lost(): boolean {
    return this.isLost;
  }

  error(fault: DeviceFault, problem: string, details: DeviceDetails = {}): BackendError {
    // Drivers report in several lines.
    const line = problem.replace(/\s+/g, ' ').trim();
    return new BackendError(`${line} (${this.description})`, {
      ...{ hint: remedies[fault], fault, adapter: this.description },
      ...details,
    });
  }

  fail(fault: DeviceFault, problem: string): void {
    this.failure ??= this.error(fault, problem);
  }

  /** @throws BackendError once the device is lost */
  requireThere(): void {
    if (this.isLost && this.failure) throw this.failure;
  }

  /** The scope's error when it has come; `check` waits for it. */
  scope(kind: GPUErrorFilter, onError: (error: GPUError) => void, body: () => void): void {
    this.device.pushErrorScope(kind);
    try {
      body();
    } finally {
      const scope = this.device.popErrorScope().then(
        (error) => {
          if (error) onError(error);
        },
        () => undefined, // a lost device, which reports itself
      );
      this.scopes.add(scope);
      scope.then(() => this.scopes.delete(scope));
    }
  }

  rest(promise: Promise<unknown>): void {
    this.waiting.rest?.(promise);
  }

  /** @throws BackendError when the device does not answer in time, as one that hangs */
  async answer<T>(promise: Promise<T>, what: string): Promise<T> {
    const { patienceSeconds } = this.waiting;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        // Nothing more is waited for, not even by `dispose`.
        this.isLost = true;
        this.fail('timeout', `The device has not given ${what} in ${patienceSeconds} s.`);
        reject(this.failure);
      }, 1000 * patienceSeconds);
    });
    const first = Promise.race([promise, late]);
    this.rest(first);
    try {
      return await first;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for the news of a loss, which may come after the failures that it causes; then as `check`. */
  async checkForLoss(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = new Promise((done) => {
      timer = setTimeout(done, 100);
    });
    await Promise.race([this.device.lost, soon]);
    clearTimeout(timer);
    await this.check();
  }

  /** Throws what went wrong since the last check; a lost device stays lost. */
  async check(): Promise<void> {
    await this.settled();
    const { failure } = this;
    if (!failure) return;
    if (!this.isLost) this.failure = undefined;
    throw failure;
  }

  async settled(): Promise<void> {
    if (this.scopes.size > 0) await Promise.all(this.scopes);
  }
}

/** What WebGPU calls the error. */
export function kindOf(error: GPUError): DeviceFault {
  return error.constructor?.name === 'GPUOutOfMemoryError' ? 'memory' : 'validation';
}
