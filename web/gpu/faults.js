// What goes wrong on a device, as errors of one line. WebGPU tells errors late and apart from the calls that made them.

const KINDS = ["internal", "out-of-memory", "validation"];
/** How long a device may take to say that it is lost, in ms: calls on it fail before that. */
const PATIENCE = 200;
/** The calls that a message of Chrome ends with; which entry of a bind group was wrong is worth keeping. */
const CALLS = / - While (?!validating entries).*$/;

/** Something that the device or its driver refused. */
export class GpuFault extends Error {
  name = "GpuFault";
}

/** The device is gone, and all that was on it. */
export class DeviceLost extends Error {
  name = "DeviceLost";
}

/**
 * Makes calls that WebGPU may refuse, and returns their value with a promise that rejects with the first refusal. No scope is
 * open across an `await`, so calls of others never fall into it.
 */
export function watched(device, calls) {
  for (const kind of KINDS) device.pushErrorScope(kind);
  let value;
  let scopes;
  try {
    value = calls();
  } finally {
    // A device that is lost has no scopes any more.
    scopes = KINDS.map(() => device.popErrorScope().catch(() => null));
  }
  const refused = Promise.all(scopes).then((errors) => {
    const [error] = errors.filter(Boolean);
    if (error) throw new GpuFault(worded(error));
  });
  // Whoever waits for it hears of it; where an earlier error is thrown, no one does.
  refused.catch(() => {});
  return [value, refused];
}

/**
 * The error to throw for what went wrong while kernels of these names were at work. The loss of the device explains all else; a
 * kernel that the message quotes is to blame, else any of them may be.
 */
export async function explained(device, error, kernels) {
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE, null));
  const loss = await Promise.race([device.lost, patience]);
  if (loss) return new DeviceLost(`the GPU was lost: ${oneLine(loss.message) || loss.reason}`);
  if (!isOfTheDevice(error)) return error;
  const text = oneLine(error.message);
  if (/^kernel /.test(text)) return error;
  const quoted = kernels.filter((name) => text.includes(`"${name}"`));
  const named = quoted.length ? quoted : kernels;
  const told = `kernel${named.length === 1 ? "" : "s"} ${named.join(", ")}: ${text.replace(CALLS, "")}`;
  return new GpuFault(told, { cause: error });
}

export function oneLine(text) {
  return String(text).split(/\s+/).filter(Boolean).join(" ");
}

/** WebGPU throws a TypeError or RangeError where a descriptor is wrong, which a plan may cause. */
function isOfTheDevice(error) {
  return error instanceof GpuFault || error instanceof DOMException || error instanceof TypeError || error instanceof RangeError;
}

function worded(error) {
  const isMemory = typeof GPUOutOfMemoryError !== "undefined" && error instanceof GPUOutOfMemoryError;
  const text = oneLine(error.message);
  return isMemory ? `there is not enough GPU memory${text && `: ${text}`}` : text;
}
