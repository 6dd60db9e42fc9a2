// Asks the browser for a GPU. What it lacks is said in words that people can act on.

const FEATURES = ["subgroups", "timestamp-query"];

/** There is no WebGPU to be had here, and why. */
export class NoWebGpu extends Error {
  name = "NoWebGpu";
}

const NEWER = "Current versions of Chrome and Edge have it, and of Safari and Firefox on most systems.";
const MESSAGES = {
  insecure:
    "This page was not sent over a secure connection, and browsers offer WebGPU to none other. Open it by https://, or on " +
    "this machine by http://127.0.0.1.",
  missing: `This browser has no WebGPU, which this page computes with. ${NEWER}`,
  adapter:
    "This browser has WebGPU, but found no GPU that it could use. Hardware acceleration may be switched off in its settings, " +
    "or it may not trust the driver of this GPU; a newer driver may help.",
  refused: "This browser found a GPU, but could not open it",
};

/**
 * An open device with all that its adapter can do.
 *
 * @returns {Promise<{device: GPUDevice, adapter: object, subgroup: ?number}>} `adapter` describes it; `subgroup` is the number of
 *     lanes of every subgroup, where the device has subgroup operations and promises one number.
 * @throws {NoWebGpu} a message for people
 */
export async function openDevice() {
  const adapter = await findAdapter();
  const requiredFeatures = FEATURES.filter((feature) => adapter.features.has(feature));
  try {
    const device = await adapter.requestDevice({
      label: "gyrus",
      requiredFeatures,
      // The defaults would cap bindings at 128 MiB on every GPU.
      requiredLimits: limitsOf(adapter),
    });
    const described = describe(adapter, device);
    return { device, adapter: described, subgroup: subgroupOf(described) };
  } catch (error) {
    throw new NoWebGpu(`${MESSAGES.refused}: ${error.message}`, { cause: error });
  }
}

async function findAdapter() {
  if (!globalThis.navigator?.gpu) {
    throw new NoWebGpu(globalThis.isSecureContext === false ? MESSAGES.insecure : MESSAGES.missing);
  }
  let adapter = null;
  try {
    adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch (error) {
    throw new NoWebGpu(`${MESSAGES.adapter} (${error.message})`, { cause: error });
  }
  if (!adapter) throw new NoWebGpu(MESSAGES.adapter);
  return adapter;
}

/** All that the adapter lists: some browsers list fewer limits than others know. */
function limitsOf(adapter) {
  const limits = {};
  for (const name in adapter.limits) {
    const value = adapter.limits[name];
    if (typeof value === "number") limits[name] = value;
  }
  return limits;
}

function describe(adapter, device) {
  const { vendor = "", architecture = "", device: model = "", description = "", ...rest } = plain(adapter.info);
  return {
    vendor,
    architecture,
    device: model,
    description,
    isSoftware: isSoftware(device),
    features: FEATURES.filter((feature) => device.features.has(feature)),
    subgroups: rest.subgroupMinSize ? [rest.subgroupMinSize, rest.subgroupMaxSize] : null,
  };
}

/** Attributes of such objects lie on their prototype, where copying does not find them. */
function plain(info) {
  const found = {};
  for (const name in info ?? {}) found[name] = info[name];
  return found;
}

function subgroupOf({ features, subgroups }) {
  const isOne = features.includes("subgroups") && subgroups && subgroups[0] === subgroups[1];
  return isOne ? subgroups[0] : null;
}

/** Whether a device is no GPU, but a program that stands in for one. */
export function isSoftware(device) {
  const info = device.adapterInfo;
  return Boolean(info?.isFallbackAdapter) || /swiftshader|llvmpipe|warp/i.test(`${info?.architecture} ${info?.description}`);
}

/** An adapter in a few words. */
export function adapterName({ vendor, architecture, device, description, isSoftware: isDrawnByCpu }) {
  const name = description || [vendor, architecture, device].filter(Boolean).join(" ") || "a GPU that does not say its name";
  return isDrawnByCpu ? `${name} (software)` : name;
}
