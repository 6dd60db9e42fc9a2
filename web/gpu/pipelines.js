// Compiled kernels, one pipeline for each text and set of constants, with layouts read from the WGSL.

import { GpuFault, oneLine, watched } from "./faults.js";

/** By device: what was compiled on it, by text. Whatever plays plans on one device shares it. */
const compiled = new WeakMap();

/**
 * Compiles what the steps of a plan need and is not there yet, all at once: browsers compile beside the page.
 *
 * @param {(name: string) => string|Promise<string>} shader the text of a name that steps have
 * @returns {Promise<{pipeline: GPUComputePipeline, layout: GPUBindGroupLayout}[]>} one a step
 */
export async function pipelinesOf(device, steps, shader) {
  const texts = await Promise.all(steps.map((step) => shader(step.shader)));
  return Promise.all(steps.map((step, at) => pipelineOf(device, step, texts[at])));
}

function pipelineOf(device, step, text) {
  // Chrome wants what naga refuses. On the first line, so that the lines of errors are the file's.
  const code = step.subgroups ? `enable subgroups; ${text}` : text;
  const kernel = kernelOf(device, step.kernel, code);
  const key = JSON.stringify(step.constants);
  if (!kernel.pipelines.has(key)) kernel.pipelines.set(key, compile(device, step, kernel));
  return kernel.pipelines.get(key);
}

function kernelOf(device, name, code) {
  if (!compiled.has(device)) compiled.set(device, new Map());
  const kernels = compiled.get(device);
  if (!kernels.has(code)) kernels.set(code, new Kernel(device, name, code));
  return kernels.get(code);
}

/** A text with what all its pipelines share. */
class Kernel {
  constructor(device, name, code) {
    this.pipelines = new Map();
    [, this.refused] = watched(device, () => {
      this.module = device.createShaderModule({ label: name, code });
      this.layout = device.createBindGroupLayout({ label: name, entries: layoutOf(name, code) });
      this.pipelineLayout = device.createPipelineLayout({ label: name, bindGroupLayouts: [this.layout] });
    });
  }

  /** Throws what the compiler says of the text, if it says that it is wrong. */
  async check() {
    const { messages } = await this.module.getCompilationInfo();
    const error = messages.find((message) => message.type === "error");
    if (error) throw new GpuFault(`line ${error.lineNum}: ${oneLine(error.message)}`);
    await this.refused;
  }
}

async function compile(device, step, kernel) {
  const { kernel: label, constants } = step;
  try {
    const { layout, module, pipelineLayout } = kernel;
    const compute = { module, entryPoint: "main", constants: Object.fromEntries(constants) };
    const pipeline = await device.createComputePipelineAsync({ label, layout: pipelineLayout, compute });
    return { pipeline, layout };
  } catch (error) {
    // What is wrong with the text explains why there is no pipeline.
    await kernel.check().catch((cause) => {
      throw new GpuFault(`kernel ${label}: ${oneLine(cause.message)}`, { cause });
    });
    throw new GpuFault(`kernel ${label}: ${oneLine(error.message)}`, { cause: error });
  }
}

/** A binding's number, address space, type and what the type is made of. All that this file knows of WGSL. */
const BINDING = /@group\(0\)\s*@binding\((\d+)\)\s*var\s*(?:<([^>]*)>)?\s*\w+\s*:\s*(\w+)\s*(?:<\s*([^;]*?)\s*>)?\s*;/g;
const ALIAS = /^\s*alias\s+(\w+)\s*=\s*(\w+)\s*(?:<\s*([^;]*?)\s*>)?\s*;/gm;
const COMMENT = /\/\/.*/g;

/** The bindings that the WGSL declares, used or not: `layout: "auto"` would leave out those that constants switch off. */
export function layoutOf(name, text) {
  const code = text.replaceAll(COMMENT, "");
  const aliases = new Map([...code.matchAll(ALIAS)].map(([, alias, ...meant]) => [alias, meant]));
  return [...code.matchAll(BINDING)].map(([, binding, space, type, of]) => ({
    binding: Number(binding),
    visibility: GPUShaderStage.COMPUTE,
    ...resource(name, space, ...(aliases.get(type) ?? [type, of])),
  }));
}

/** Kernels bind buffers, textures of unfiltered floats, and textures to write. */
function resource(name, space, type, of) {
  if (space === "uniform") return { buffer: { type: "uniform" } };
  if (space) return { buffer: { type: /write/.test(space) ? "storage" : "read-only-storage" } };
  if (type === "texture_2d") return { texture: { sampleType: "unfilterable-float" } };
  if (type === "texture_storage_2d") {
    const [format, access] = of.split(/\s*,\s*/);
    return { storageTexture: { format, access: access === "read" ? "read-only" : "write-only" } };
  }
  throw new GpuFault(`kernel ${name}: the player knows no binding of type ${type}`);
}
