// The way back from the device: ranges of a plan's memory, copied one after the other to where the page can read them.

/** Rows of textures are copied to multiples of this. */
const ALIGNMENT = 256;

export class Readback {
  constructor(device, memory, ranges) {
    this.memory = memory;
    this.ranges = ranges;
    this.starts = [];
    let end = 0;
    for (const { size } of ranges) {
      this.starts.push(end);
      end = Math.ceil((end + size) / ALIGNMENT) * ALIGNMENT;
    }
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    this.buffer = device.createBuffer({ label: "readback", size: Math.max(ALIGNMENT, end), usage });
  }

  encode(encoder) {
    this.ranges.forEach((range, at) => this.memory.encodeCopy(encoder, range, this.buffer, this.starts[at]));
  }

  map() {
    return this.buffer.mapAsync(GPUMapMode.READ);
  }

  /** The bytes of every range, once they are mapped; they are gone with the buffer. */
  bytes() {
    const all = this.buffer.getMappedRange();
    return this.ranges.map(({ size }, at) => new Uint32Array(all, this.starts[at], size / 4));
  }

  destroy() {
    this.buffer.destroy();
  }
}
