// The model's network on this device's GPU.

import { adapterName, openDevice } from "../gpu/device.js";
import { DeviceLost } from "../gpu/faults.js";
import { Player } from "../gpu/player.js";
import * as site from "./site.js";

/** What is kept from one question to the next. */
export class Engine {
  #weights = null;
  #opened = null;

  /**
   * @param {object} model as `model.json` has it
   * @param {(text: string, part: ?number) => void} tell what is being done, and how much of it is
   */
  constructor({ plan, weights }, tell) {
    Object.assign(this, { plan, spans: weights, tell, device: null });
  }

  /**
   * Opens the GPU and makes the network ready on it. What fails is tried anew by the next call.
   *
   * @throws {Error} in words
   */
  ready() {
    this.#opened ??= this.#open().catch((error) => {
      this.#opened = null;
      throw error;
    });
    return this.#opened;
  }

  async #open() {
    this.tell("Asking the browser for its GPU …", null);
    const { device, adapter } = await openDevice();
    this.device = adapterName(adapter);
    device.lost.then(() => (this.#opened = null));
    const weights = await this.#loaded();
    this.tell("Making the network ready on this GPU …", null);
    return Player.create(device, this.plan, { shader: site.shader, weights });
  }

  async #loaded() {
    this.#weights ??= await site.weights(this.spans, (part) => this.tell("Loading the network …", part));
    return this.#weights;
  }

  /**
   * The network's outputs for one prepared input, by their names, and the time from upload to readback.
   *
   * @returns {Promise<{outputs: Map<string, Float32Array>, milliseconds: number}>}
   */
  async outputs(prepared) {
    try {
      return await this.#run(prepared);
    } catch (error) {
      if (!(error instanceof DeviceLost)) throw error;
      // Once: a device that is lost again was lost for a reason.
      this.#opened = null;
      return this.#run(prepared);
    }
  }

  async #run(prepared) {
    const player = await this.ready();
    const start = performance.now();
    const values = await player.run([prepared]);
    const milliseconds = performance.now() - start;
    return { outputs: new Map(this.plan.outputs.map(({ name }, at) => [name, values[at]])), milliseconds };
  }
}
