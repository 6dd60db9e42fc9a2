// The device that trials run on. One that is lost is opened again, once: what is lost twice is not trusted with the rest.

import { openDevice } from "../gpu/device.js";
import { pipelinesOf } from "../gpu/pipelines.js";
import { Player } from "../gpu/player.js";
import { unfit } from "./fit.js";
import { shader } from "./folder.js";

export class Engine {
  #isReopened = false;
  /** Why nothing runs any more. */
  stopped = null;
  /** What the user must be told. */
  notices = [];

  static async open() {
    const engine = new Engine();
    engine.gpu = await openDevice();
    return engine;
  }

  get adapter() {
    return this.gpu.adapter;
  }

  /** Why a run cannot be played here, in words; `null` where it can. */
  unfit({ plan }) {
    return unfit(plan, this.gpu);
  }

  /** Begins to compile what runs need, so that it is there when their turn comes. */
  prepare(runs) {
    for (const run of runs.filter((run) => !this.unfit(run))) {
      // Whoever plays it hears of what is wrong.
      pipelinesOf(this.gpu.device, run.plan.steps, shader).catch(() => {});
    }
  }

  /** What a run computes. */
  async play({ plan, weights, inputs }) {
    const player = await Player.create(this.gpu.device, plan, { shader, weights });
    try {
      return await player.run(inputs, { poison: true });
    } finally {
      player.destroy();
    }
  }

  /** After a loss: opens the device again, the first time. Whether it is worth trying again. */
  async recover({ message }) {
    if (this.#isReopened) return this.#stop(`${message}; it was lost twice, and the rest was not run`);
    this.#isReopened = true;
    try {
      this.gpu = await openDevice();
    } catch (error) {
      return this.#stop(`${message}; it could not be opened again (${error.message})`);
    }
    this.notices.push(`${message}; it has been opened again`);
    return true;
  }

  #stop(reason) {
    this.stopped = reason;
    this.notices.push(reason);
    return false;
  }
}
