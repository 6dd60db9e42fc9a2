// The engine: plays one plan, as `src/gpu/player.rs` does natively. One upload, as few submissions as the driver's watchdog
// allows, one readback.

import { isSoftware } from "./device.js";
import { GpuFault, explained, watched } from "./faults.js";
import { Memory } from "./memory.js";
import { pipelinesOf } from "./pipelines.js";
import { Witness } from "./poison.js";
import { Readback } from "./readback.js";

/** Work after which a submission is closed, in ms: Windows resets a GPU that is silent for 2 s. */
const SUBMISSION_MS = 250;

/** Multiply-adds and bytes a ms. Browsers do not tell whether a GPU has memory of its own, so the slower ones count. */
const RATES = { gpu: [3e7, 5e6], software: [5e6, 2e6] };

/** A plan with everything it needs on the device. */
export class Player {
  #turn = Promise.resolve();

  /**
   * Allocates, uploads the weights and compiles the kernels.
   *
   * @param {GPUDevice} device
   * @param {object} plan as Gyrus writes it; each step has also the name of its `shader`, and whether it wants `subgroups`
   * @param {{shader: (name: string) => string|Promise<string>, weights: Float32Array[]}} given texts by their names, and one
   *     array for each entry of `plan.weights`
   * @throws {GpuFault|DeviceLost} what the device refuses: memory, a kernel
   */
  static async create(device, plan, { shader, weights }) {
    const player = new Player(device, plan);
    try {
      await player.#prepare(shader, weights);
      return player;
    } catch (error) {
      player.destroy();
      throw await explained(device, error, player.#kernels());
    }
  }

  constructor(device, plan) {
    Object.assign(this, { device, plan, memory: null, pipelines: [], bindGroups: [] });
    this.submissions = submissions(plan.steps, isSoftware(device));
  }

  async #prepare(shader, weights) {
    const { device, plan } = this;
    const compiled = pipelinesOf(device, plan.steps, shader);
    // It is waited for below; a fault of the memory comes first.
    compiled.catch(() => {});
    const [memory, refused] = watched(device, () => new Memory(device, plan, weights));
    this.memory = memory;
    await refused;
    this.pipelines = await compiled;
    const [groups, unbound] = watched(device, () => plan.steps.map((step, at) => this.#bind(step, at)));
    this.bindGroups = groups;
    await unbound;
  }

  #bind(step, at) {
    const ranges = [...step.inputs, step.output].map((range) => this.memory.resource(range));
    const entries = [...ranges, this.memory.uniform(at)].map((resource, binding) => ({ binding, resource }));
    return this.device.createBindGroup({ label: step.kernel, layout: this.pipelines[at].layout, entries });
  }

  /**
   * Runs the plan on these inputs, in the order of the plan's, every element an f32. Runs take turns.
   *
   * @param {Float32Array[]} inputs
   * @param {{poison?: boolean}} options `poison` fills all activation memory with a pattern before, and holds the kernels to
   *     writing every element of the outputs and nothing between values
   * @returns {Promise<Float32Array[]>} in the order of the plan's outputs
   * @throws {GpuFault|DeviceLost}
   */
  run(inputs, { poison = false } = {}) {
    const run = this.#turn.then(() => this.#run(inputs, poison));
    this.#turn = run.catch(() => {});
    return run;
  }

  async #run(inputs, poison) {
    this.#check(inputs);
    const { device, plan } = this;
    const witness = poison ? new Witness(plan) : null;
    const ranges = [...plan.outputs.map((port) => port.range), ...(witness?.ranges ?? [])];
    let readback;
    try {
      const [, refused] = watched(device, () => {
        readback = new Readback(device, this.memory, ranges);
        witness?.fill(this.memory);
        this.#submit(inputs, readback);
      });
      const mapped = readback.map();
      // What was refused explains why nothing is mapped.
      mapped.catch(() => {});
      await refused;
      await mapped;
      return this.#outputs(readback.bytes(), witness);
    } catch (error) {
      throw await explained(device, error, this.#kernels());
    } finally {
      readback?.destroy();
    }
  }

  #check(inputs) {
    const { inputs: ports } = this.plan;
    if (inputs.length !== ports.length) throw new GpuFault(`${inputs.length} inputs for the ${ports.length} of the plan`);
    ports.forEach((port, at) => {
      const [given, wanted] = [inputs[at].length, elements(port.shape)];
      if (given !== wanted) throw new GpuFault(`input '${port.name}' has ${given} elements where the plan wants ${wanted}`);
    });
  }

  #submit(inputs, readback) {
    const { device, memory, plan } = this;
    plan.inputs.forEach((port, at) => memory.write(port.range, inputs[at]));
    this.submissions.forEach((start, at) => {
      const end = this.submissions[at + 1] ?? plan.steps.length;
      const encoder = device.createCommandEncoder();
      this.#encode(encoder, start, end);
      if (end === plan.steps.length) readback.encode(encoder);
      device.queue.submit([encoder.finish()]);
    });
  }

  #encode(encoder, start, end) {
    const pass = encoder.beginComputePass();
    for (let at = start; at < end; at++) {
      pass.setPipeline(this.pipelines[at].pipeline);
      pass.setBindGroup(0, this.bindGroups[at]);
      pass.dispatchWorkgroups(...this.plan.steps[at].grid);
    }
    pass.end();
  }

  #outputs(words, witness) {
    const { outputs } = this.plan;
    const kept = outputs.map((port, at) => words[at].subarray(0, elements(port.shape)));
    witness?.check(kept, words.slice(outputs.length));
    // What is mapped goes with the buffer.
    return kept.map((bits) => new Float32Array(bits.slice().buffer));
  }

  #kernels() {
    return [...new Set(this.plan.steps.map((step) => step.kernel))];
  }

  destroy() {
    this.memory?.destroy();
    this.memory = null;
  }
}

/** The number of elements of a shape. */
export function elements(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

/** Where submissions start: a new one once the estimate for the last reaches {@link SUBMISSION_MS}. */
export function submissions(steps, isOfSoftware) {
  const [multiplyAddsPerMs, bytesPerMs] = isOfSoftware ? RATES.software : RATES.gpu;
  const starts = [0];
  let estimate = 0;
  steps.forEach((step, at) => {
    const cost = step.multiply_adds / multiplyAddsPerMs + step.bytes / bytesPerMs;
    if (estimate > 0 && estimate + cost > SUBMISSION_MS) {
      starts.push(at);
      estimate = 0;
    }
    estimate += cost;
  });
  return starts;
}
