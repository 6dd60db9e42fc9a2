// What is done to WebGPU before the page finds it: these run in the page, in front of its own programs.

/** Has what the GPU answers wait for `release()`, once `hold()` was called. */
export function holding() {
  const { mapAsync } = GPUBuffer.prototype;
  let held = null;
  globalThis.hold = () => {
    held = new Promise((resolve) => (globalThis.release = resolve));
  };
  GPUBuffer.prototype.mapAsync = async function (...given) {
    await held;
    return mapAsync.apply(this, given);
  };
}

/** Counts the devices that are opened, and those that were closed again. */
export function counting() {
  globalThis.devices = { opened: 0, closed: 0 };
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (...given) {
    globalThis.devices.opened++;
    return requestDevice.apply(this, given);
  };
  const { destroy } = GPUDevice.prototype;
  GPUDevice.prototype.destroy = function () {
    globalThis.devices.closed++;
    return destroy.apply(this);
  };
}

/** The first number that is read back from the GPU is another one. */
export function miscounting() {
  const { getMappedRange } = GPUBuffer.prototype;
  GPUBuffer.prototype.getMappedRange = function (...given) {
    const bytes = getMappedRange.apply(this, given);
    new Float32Array(bytes)[0] += 1000;
    return bytes;
  };
}
