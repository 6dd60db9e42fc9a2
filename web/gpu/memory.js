// What a plan keeps on the device: activations in slabs and textures, weights, and the parameters of its steps.

import { GpuFault } from "./faults.js";
import { copyRows, createTexture, stored, writeTexels } from "./texels.js";

/** Uniform bindings are aligned to this; no device asks for more. */
const UNIFORM_ALIGNMENT = 256;

/** The name and number of a buffer as a plan writes it: `{"slab": 0}`. */
export function placeOf(buffer) {
  const [[kind, index]] = Object.entries(buffer);
  return { kind, index };
}

/** All slabs and textures of a plan: as steps name them, with their bytes. */
export function memories(plan) {
  const of = (kind, sizes) => sizes.map((size, index) => ({ buffer: { [kind]: index }, size }));
  return [...of("slab", plan.slabs), ...of("texture", plan.textures), ...of("half_texture", plan.half_textures)];
}

export const precisionOf = (kind) => (kind === "half_texture" ? "f16" : "f32");

/** The memory of one plan. */
export class Memory {
  /** Allocates, and uploads weights and parameters; `weights` are in the plan's order. */
  constructor(device, plan, weights) {
    this.device = device;
    this.held = { slab: [], texture: [], half_texture: [], weights: [] };
    this.views = new Map();
    for (const { buffer, size } of memories(plan)) {
      const { kind } = placeOf(buffer);
      this.held[kind].push(kind === "slab" ? this.#buffer("slab", size) : this.#texture(kind, size, precisionOf(kind)));
    }
    plan.weights.forEach((of, at) => this.held.weights.push(this.#weights(of, weights[at])));
    this.#upload(plan.steps);
  }

  #buffer(label, size, usage = GPUBufferUsage.STORAGE) {
    const { COPY_SRC, COPY_DST } = GPUBufferUsage;
    return this.device.createBuffer({ label, size: Math.max(16, size), usage: usage | COPY_SRC | COPY_DST });
  }

  #texture(label, bytes, precision) {
    return this.#viewed(createTexture(this.device, label, bytes, precision));
  }

  #viewed(texture) {
    this.views.set(texture, texture.createView());
    return texture;
  }

  #weights({ key, bytes, texture, precision }, numbers) {
    if (!numbers) throw new GpuFault(`the weights '${key}' are missing`);
    if (texture) {
      const made = this.#texture(key, bytes, precision);
      writeTexels(this.device, made, stored(numbers, precision), precision);
      return made;
    }
    const made = this.#buffer(key, bytes);
    this.device.queue.writeBuffer(made, 0, numbers);
    return made;
  }

  #upload(steps) {
    const sizes = steps.map((step) => aligned(uniformSize(step)));
    const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
    this.uniforms = [];
    let offset = 0;
    steps.forEach((step, at) => {
      bytes.set(step.params, offset);
      this.uniforms.push({ offset, size: uniformSize(step) });
      offset += sizes[at];
    });
    this.params = this.#buffer("params", bytes.length, GPUBufferUsage.UNIFORM);
    this.device.queue.writeBuffer(this.params, 0, bytes);
  }

  /** The slab, texture or weights that a plan names. */
  find(buffer) {
    const { kind, index } = placeOf(buffer);
    const found = this.held[kind]?.[index];
    if (!found) throw new GpuFault("the plan names a buffer that it does not have");
    return found;
  }

  /** What a step binds of a range; textures are bound whole. */
  resource({ buffer, offset, size }) {
    const found = this.find(buffer);
    // No size stands for all that follows.
    return this.views.get(found) ?? { buffer: found, offset, size: size || undefined };
  }

  /** The parameters of a step, by its number in the plan. */
  uniform(step) {
    return { buffer: this.params, ...this.uniforms[step] };
  }

  /** Writes the first numbers of a slab or texture. */
  write({ buffer, offset }, words) {
    const { kind } = placeOf(buffer);
    const found = this.find(buffer);
    if (kind === "slab") this.device.queue.writeBuffer(found, offset, words);
    else writeTexels(this.device, found, words, precisionOf(kind));
  }

  /** Copies a range of a slab, or rows of a texture, to where a buffer holds them from byte `at` on. */
  encodeCopy(encoder, range, to, at) {
    const { kind } = placeOf(range.buffer);
    const found = this.find(range.buffer);
    if (kind === "slab") encoder.copyBufferToBuffer(found, range.offset, to, at, range.size);
    else copyRows(encoder, found, range, precisionOf(kind), to, at);
  }

  destroy() {
    for (const made of [...Object.values(this.held).flat(), this.params]) made?.destroy();
  }
}

/** WGSL rounds the size of a struct up to its alignment, 16 at most. */
function uniformSize(step) {
  return Math.max(16, Math.ceil(step.params.length / 16) * 16);
}

function aligned(size) {
  return Math.ceil(size / UNIFORM_ALIGNMENT) * UNIFORM_ALIGNMENT;
}
