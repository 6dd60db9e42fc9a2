// The model's network on this device's GPU.

import { adapterName, openDevice } from "../gpu/device.js";
import { DeviceLost } from "../gpu/faults.js";
import { Player } from "../gpu/player.js";
import { holdTo } from "./known.js";
import * as site from "./site.js";

/** What is kept from one question to the next. */
export class Engine {
  #weights = null;
  #known = null;
  #opened = null;

  /**
   * @param {object} model as `model.json` has it
   * @param {(text: string, part: ?number) => void} tell what is being done, and how much of it is
   */
  constructor(model, tell) {
    Object.assign(this, { model, tell, device: null });
  }

  /**
   * Opens the GPU, makes the network ready on it and holds it to a known answer. What fails is tried anew by the next
   * call.
   *
   * @throws {Error} in words
   */
  ready() {
    this.#opened ??= this.#begin();
    return this.#opened;
  }

  #begin() {
    // Of a device that is gone one may hear when the next is open already.
    const forget = () => {
      if (this.#opened === opening) this.#opened = null;
    };
    const opening = this.#open(forget);
    opening.catch(forget);
    return opening;
  }

  async #open(forget) {
    this.tell("Asking the browser for its GPU …", null);
    const { device, adapter } = await openDevice();
    this.device = adapterName(adapter);
    device.lost.then(forget);
    try {
      return await this.#playerOn(device);
    } catch (error) {
      // What it holds would stay taken as long as the page is open.
      device.destroy();
      throw error;
    }
  }

  async #playerOn(device) {
    const weights = await this.#loaded();
    this.tell("Making the network ready on this GPU …", null);
    const player = await Player.create(device, this.model.plan, { shader: site.shader, weights });
    this.tell("Holding this GPU to a known answer …", null);
    await this.#check(player);
    return player;
  }

  async #loaded() {
    const { weights: spans, weights_file: file } = this.model;
    this.#weights ??= await site.numbers(file, (part) => this.tell("Loading the network …", part));
    return spans.map(({ start, count }) => this.#weights.subarray(start, start + count));
  }

  async #check(player) {
    const { known } = this.model;
    this.#known ??= await site.numbers(known.file);
    const { start, count } = known.input;
    const found = await this.#named(player, this.#known.subarray(start, start + count));
    holdTo(known, this.#known, found, this.device);
  }

  async #named(player, input) {
    const values = await player.run([input]);
    return new Map(this.model.plan.outputs.map(({ name }, at) => [name, values[at]]));
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
      return this.#run(prepared);
    }
  }

  async #run(prepared) {
    const player = await this.ready();
    const start = performance.now();
    const outputs = await this.#named(player, prepared);
    return { outputs, milliseconds: performance.now() - start };
  }
}
