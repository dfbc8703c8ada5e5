// Who asked a process to stop, and how it ends: whatever comes, in whatever order, and whatever is gone.
import { EventEmitter } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Ending, type Host, Stopped, stopMessage } from '../../../src/study/runs/ending.ts';

class Stream extends EventEmitter {
  readonly texts: string[] = [];
  fault: string | undefined;
  /** Whether it says so at once, by throwing, or later, by an event. */
  throws = false;
  write(text: string): boolean {
    if (this.fault === undefined) this.texts.push(text);
    else {
      const error = Object.assign(new Error(`${this.fault}: write`), { code: this.fault });
      if (this.throws) throw error;
      // As Node does: without a listener it is an uncaught error.
      queueMicrotask(() => this.emit('error', error));
    }
    return true;
  }
}

/** A process that notes what is done to it. */
class FakeProcess extends EventEmitter implements Host {
  readonly pid = 7;
  exitCode: number | undefined;
  readonly stdout = new Stream();
  readonly stderr = new Stream();
  connected = false;
  send: Host['send'];
  readonly killed: string[] = [];
  readonly exits: number[] = [];
  kill(pid: number, signal: NodeJS.Signals): void {
    assert.is(pid, this.pid);
    this.killed.push(signal);
  }
  exit(code: number): void {
    this.exits.push(code);
  }
  disconnect(): void {
    this.connected = false;
    this.emit('disconnect');
  }
  /** Whether a signal is left to the system, which ends the process at once. */
  ends(signal: string): boolean {
    return this.listenerCount(signal) === 0;
  }
}

const soon = () => new Promise((done) => setTimeout(done, 0));
function begin(areOne = false) {
  const host = new FakeProcess();
  const ending = new Ending(host, () => areOne);
  const reported: unknown[] = [];
  ending.watch((error) => {
    reported.push(error);
    ending.warn(`divergrad: ${(error as Error).message}\n`);
    return 1;
  });
  return { host, ending, reported };
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  test(`${signal} is the system's until there is something to save, then a request; a second one ends at once`, async () => {
    const { host, ending } = begin();
    assert.ok(host.ends(signal));
    const saved = ending.saving();
    host.emit(signal);
    assert.ok(ending.signal.aborted);
    assert.not.ok(host.ends(signal), 'a terminal and timeout send theirs twice');
    host.emit(signal);
    // No clock decides: the listeners go when the request is over.
    while (!host.ends('SIGINT')) await new Promise((done) => setTimeout(done, 10));
    assert.ok(host.ends('SIGTERM'));
    assert.not.ok(host.ends('SIGHUP'), 'a terminal that goes sends it more than once');
    assert.equal(host.killed, []);
    ending.say('saved\n');
    assert.equal(host.stdout.texts, ['saved\n']);
    saved();
    ending.end();
    assert.is(host.exitCode, code);
  });

test('what is half written is undone before a signal ends the process, and nothing is once it is whole', () => {
  const { host, ending } = begin();
  const undone: string[] = [];
  const first = ending.whenKilled(() => undone.push('first'));
  ending.whenKilled(() => undone.push('second'));
  ending.whenKilled(() => {
    throw new Error('the folder has gone');
  });
  first();
  host.emit('SIGTERM');
  assert.equal(undone, ['second']);
  assert.equal(host.killed, ['SIGTERM']);
  assert.ok(host.ends('SIGTERM'), 'the signal it sends itself must end it');
});

test('a stop that takes a while says so once, and that a second request ends it; one that is over says nothing', async () => {
  const [slow, quick, child] = [begin(), begin(), begin()];
  child.host.send = () => true;
  for (const { host, ending } of [slow, quick, child]) {
    ending.saving();
    host.emit('SIGINT');
    host.emit('SIGTERM');
  }
  quick.ending.end();
  while (slow.host.stderr.texts.length === 0) await soon();
  await new Promise((done) => setTimeout(done, 20));
  assert.is(slow.host.stderr.texts.length, 1);
  assert.match(slow.host.stderr.texts[0], /^divergrad: Stopping.* once more, it ends at once\.\n$/);
  assert.equal([...quick.host.stderr.texts, ...child.host.stderr.texts], []);
});

test('the first who asks gives the exit code; an error while saving is above it', () => {
  const { host, ending } = begin();
  ending.saving();
  host.emit('SIGTERM');
  host.emit('SIGINT');
  ending.end();
  assert.is(host.exitCode, 143);
  const other = begin();
  other.ending.saving();
  other.host.emit('SIGINT');
  other.ending.failed(undefined);
  other.ending.failed(2);
  other.ending.end();
  assert.is(other.host.exitCode, 2);
});

test("an exit code of the command's own stays where nobody asked", () => {
  const { host, ending } = begin();
  host.exitCode = 1;
  ending.end();
  assert.is(host.exitCode, 1);
});

test('a request that comes when all is done changes nothing', () => {
  const { host, ending } = begin();
  ending.saving();
  ending.whole();
  host.emit('SIGINT');
  assert.not.ok(ending.signal.aborted);
  ending.end();
  assert.is(host.exitCode, undefined);
});

for (const throws of [false, true])
  test(`a reader that has gone ends the command, told ${throws ? 'at once' : 'by an event'}`, async () => {
    const { host, ending, reported } = begin();
    Object.assign(host.stdout, { fault: 'EPIPE', throws });
    ending.say('one\n');
    await soon();
    assert.ok(ending.signal.aborted);
    assert.throws(
      () => ending.say('two\n'),
      (error: unknown) => error instanceof Stopped,
    );
    assert.throws(
      () => ending.check(),
      (error: unknown) => error instanceof Stopped,
    );
    ending.end();
    assert.is(host.exitCode, 141);
    assert.equal([reported, host.stderr.texts], [[], []]);
  });

test('where there is something to save, a reader that has gone is a request and no error', async () => {
  const { host, ending } = begin();
  ending.saving();
  host.stdout.fault = 'EPIPE';
  ending.say('one\n');
  await soon();
  assert.ok(ending.signal.aborted);
  ending.say('two\n');
  ending.check();
  ending.whole();
  ending.end();
  assert.is(host.exitCode, 141, 'what it said has not been read');
});

test('a reader that goes after the end is told by the exit code', async () => {
  const { host, ending } = begin();
  host.stdout.fault = 'EPIPE';
  ending.say('the result\n');
  ending.end();
  await soon();
  assert.is(host.exitCode, 141);
});

test('an output that cannot be written is named once, on the other', async () => {
  const { host, ending } = begin();
  host.stdout.fault = 'ENOSPC';
  ending.say('one\n');
  await soon();
  host.stdout.emit('error', Object.assign(new Error('again'), { code: 'ENOSPC' }));
  ending.end();
  assert.is(host.exitCode, 1);
  assert.equal(host.stderr.texts, ['divergrad: Standard output cannot be written: ENOSPC: write.\n']);
});

for (const fault of ['ENOSPC', 'EPIPE', 'EIO'])
  for (const throws of [false, true])
    test(`standard error that cannot be written (${fault}, ${throws ? 'at once' : 'by an event'}) changes nothing while standard output can`, async () => {
      for (const isSaving of [false, true]) {
        const { host, ending } = begin();
        if (isSaving) ending.saving();
        Object.assign(host.stderr, { fault, throws });
        ending.warn('a remark\n');
        await soon();
        assert.not.ok(ending.signal.aborted);
        ending.check();
        ending.say('the result\n');
        ending.whole();
        ending.end();
        assert.is(host.exitCode, undefined);
        assert.equal(host.stdout.texts, ['the result\n']);
      }
      const asked = begin();
      asked.ending.saving();
      Object.assign(asked.host.stderr, { fault, throws });
      asked.ending.warn('a remark\n');
      await soon();
      asked.host.emit('SIGINT');
      asked.ending.end();
      assert.is(asked.host.exitCode, 130, 'what stopped it is told');
      const failed = begin();
      Object.assign(failed.host.stderr, { fault, throws });
      failed.ending.failed(2);
      failed.ending.warn('an error\n');
      await soon();
      failed.ending.end();
      assert.is(failed.host.exitCode, 2, 'and so is an error');
    });

for (const [fault, code] of [
  ['ENOSPC', 1],
  ['EPIPE', 141],
] as const)
  test(`where both outputs lead to one place, ${fault} on standard error is that of standard output`, async () => {
    const { host, ending } = begin(true);
    ending.saving();
    host.stderr.fault = fault;
    ending.warn('a remark\n');
    await soon();
    assert.ok(ending.signal.aborted);
    ending.whole();
    ending.end();
    assert.is(host.exitCode, code);
  });

test('an error is told once, however often it comes and whether or not it can be written', async () => {
  for (const fault of [undefined, 'ENOSPC', 'EPIPE', 'EIO']) {
    const { host, ending, reported } = begin();
    ending.saving();
    host.stderr.fault = fault;
    for (let i = 0; i < 3; i++) {
      host.emit(i % 2 ? 'unhandledRejection' : 'uncaughtException', new Error(`error ${i}`));
      await soon();
    }
    assert.is(reported.length, 1);
    assert.equal(host.stderr.texts, fault ? [] : ['divergrad: error 0\n']);
    assert.ok(ending.signal.aborted, 'what there is to save is saved');
    assert.is(host.exitCode, 1);
    ending.end();
    assert.is(host.exitCode, 1);
  }
});

test('the word of a parent and its end are requests; telling one that has gone does nothing', () => {
  const alone = begin();
  alone.ending.watchParent();
  alone.ending.tell({ step: 1 });
  alone.host.emit('disconnect');
  assert.not.ok(alone.ending.signal.aborted);

  const child = () => {
    const begun = begin();
    const told: unknown[] = [];
    begun.host.connected = true;
    begun.host.send = (message) => {
      if (!begun.host.connected) throw new Error('ERR_IPC_CHANNEL_CLOSED');
      told.push(message);
    };
    begun.ending.watchParent();
    begun.ending.saving();
    return { ...begun, told };
  };
  const asked = child();
  asked.host.emit('message', null);
  asked.host.emit('message', { kind: 'something else' });
  assert.not.ok(asked.ending.signal.aborted);
  asked.ending.tell({ step: 1 });
  assert.equal(asked.told, [{ step: 1 }]);
  asked.host.emit('message', stopMessage);
  // A terminal sends its interrupt to both.
  asked.host.emit('SIGINT');
  assert.ok(asked.ending.signal.aborted);
  assert.not.ok(asked.host.ends('SIGINT'));
  asked.ending.end();
  assert.is(asked.host.exitCode, 130);

  const orphan = child();
  orphan.host.disconnect();
  orphan.ending.tell({ step: 2 });
  assert.ok(orphan.ending.signal.aborted);
  orphan.ending.end();
  assert.is(orphan.host.exitCode, 129);

  // It had gone before this process looked.
  const late = begin();
  late.host.send = () => undefined;
  late.ending.watchParent();
  assert.ok(late.ending.signal.aborted);
});

test('a channel to a parent is closed at the end, which is no request', () => {
  const { host, ending } = begin();
  host.connected = true;
  host.send = () => undefined;
  ending.watchParent();
  ending.end();
  assert.is(host.connected, false);
  assert.not.ok(ending.signal.aborted);
  assert.is(host.exitCode, undefined);
});

test.run();
