// Scans and masks on a canvas.

// Colours of pixels as words, of which red is the lowest byte: every browser runs where that comes first.
const OPAQUE = 0xff000000;
const GREY = 0x010101;
const MASK = OPAQUE | (50 << 16) | (150 << 8) | 255;
const OUTLINE = "rgb(255 150 50)";
/** About how many pixels a drawing is wide, so that the outline of a mask is finer than the scan's pixels; the service's pictures are no wider. */
const DRAWN = 1024;
const CAPTION = 34;
/** Pixels of a mask above these are set: at its own size, and made smaller, where few of many must still be seen. */
const [SET, SET_SMALLER] = [127, 15];

/**
 * What is drawn of an answer, with no side longer than `most`; a scan or mask that the answer lacks is null, and so are
 * channels where colours are no sequences.
 */
export async function layersOf(entry, hasSequences, most = Infinity) {
  const [scan, mask] = await Promise.all([image(entry.picture, most), image(entry.mask, most)]);
  // Of a large scan the picture is smaller, the mask is not.
  const base = mask ?? scan;
  if (!base) return null;
  const layers = {
    width: base.width,
    height: base.height,
    stretch: entry.stretch ?? 1,
    scan,
    channels: null,
    tint: null,
    outline: null,
  };
  if (scan && hasSequences) layers.channels = channelsOf(scan);
  if (mask) Object.assign(layers, maskLayers(mask, most === Infinity ? SET : SET_SMALLER));
  return layers;
}

async function image(address, most) {
  if (!address) return null;
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  return reduced(picture, most);
}

function reduced(picture, most) {
  const scale = most / Math.max(picture.width, picture.height);
  if (scale >= 1) return picture;
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const [canvas, pen] = canvasOfSize(width, height, READ);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, width, height);
  return canvas;
}

const READ = { willReadFrequently: true };

function canvasOfSize(width, height, use) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  return [canvas, canvas.getContext("2d", use)];
}

/** Draws the scan, or one of its channels, and the mask over it. */
export function paint(canvas, layers, look, drawn = DRAWN) {
  const [wide, high] = sizeOf(layers, drawn);
  canvas.width = wide;
  canvas.height = high;
  const pen = canvas.getContext("2d");
  // Made larger, pixels stay what they are; made smaller, none is left out.
  pen.imageSmoothingEnabled = wide < layers.width || high < layers.height;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  const scan = layers.channels?.[look.channel] ?? layers.scan;
  if (scan) pen.drawImage(scan, 0, 0, canvas.width, canvas.height);
  if (layers.tint && look.opacity > 0) paintMask(pen, layers, look.opacity);
}

/** Width and height of a drawing: a whole number of times the scan's along its finer side, in proportion to millimetres. */
function sizeOf({ width, height, stretch }, drawn) {
  const [wide, high] = stretch >= 1 ? [width, height * stretch] : [width / stretch, height];
  const times = drawn / Math.max(wide, high);
  const scale = times > 1 ? Math.round(times) : times;
  return [wide, high].map((side) => Math.max(1, Math.round(side * scale)));
}

function paintMask(pen, layers, opacity) {
  pen.globalAlpha = opacity;
  pen.drawImage(layers.tint, 0, 0, pen.canvas.width, pen.canvas.height);
  // The edge stays readable where the fill is faint.
  pen.globalAlpha = Math.min(1, 0.4 + opacity);
  const [x, y] = [pen.canvas.width / layers.width, pen.canvas.height / layers.height];
  // The path alone is scaled: pixels need not be square, but the line is as wide everywhere.
  const outline = new Path2D();
  outline.addPath(layers.outline, new DOMMatrix([x, 0, 0, y, 0, 0]));
  pen.lineWidth = Math.max(1.5, Math.min(x, y) / 3);
  pen.strokeStyle = OUTLINE;
  pen.stroke(outline);
  pen.globalAlpha = 1;
}

/** What is drawn as PNG, with a line beneath that says what it is. */
export function overlayPng(layers, look, caption) {
  const drawing = document.createElement("canvas");
  paint(drawing, layers, look);
  const sheet = document.createElement("canvas");
  sheet.width = drawing.width;
  sheet.height = drawing.height + CAPTION;
  const pen = sheet.getContext("2d");
  pen.fillRect(0, 0, sheet.width, sheet.height);
  pen.drawImage(drawing, 0, 0);
  pen.fillStyle = "#e8eef2";
  pen.font = "15px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.fillText(caption, 10, drawing.height + CAPTION / 2, sheet.width - 20);
  return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
}

/** The channels of a picture that holds a sequence in each; null of a grey one. */
function channelsOf(scan) {
  const pixels = pixelsOf(scan);
  if (isGrey(pixels.data)) return null;
  return [0, 1, 2].map((channel) => canvasOf(pixels, (data, at) => OPAQUE | (data[at + channel] * GREY)));
}

function isGrey(data) {
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) return false;
  }
  return true;
}

function maskLayers(mask, least) {
  const pixels = pixelsOf(mask);
  const isSet = (data, at) => data[at] > least;
  const tint = canvasOf(pixels, (data, at) => (isSet(data, at) ? MASK : 0));
  return { tint, outline: outlineOf(pixels, (at) => isSet(pixels.data, at)) };
}

/** The edges between pixels that are set and others, in units of pixels. */
function outlineOf({ width, height }, isSet) {
  const outline = new Path2D();
  const has = (x, y) => x >= 0 && y >= 0 && x < width && y < height && isSet(4 * (y * width + x));
  const line = (x0, y0, x1, y1) => {
    outline.moveTo(x0, y0);
    outline.lineTo(x1, y1);
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!has(x, y)) continue;
      if (!has(x - 1, y)) line(x, y, x, y + 1);
      if (!has(x + 1, y)) line(x + 1, y, x + 1, y + 1);
      if (!has(x, y - 1)) line(x, y, x + 1, y);
      if (!has(x, y + 1)) line(x, y + 1, x + 1, y + 1);
    }
  }
  return outline;
}

function pixelsOf(picture) {
  const [canvas, pen] = canvasOfSize(picture.width, picture.height, READ);
  pen.drawImage(picture, 0, 0);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

function canvasOf(pixels, colour) {
  const [canvas, pen] = canvasOfSize(pixels.width, pixels.height);
  const made = new ImageData(pixels.width, pixels.height);
  const words = new Uint32Array(made.data.buffer);
  for (let pixel = 0; pixel < words.length; pixel++) words[pixel] = colour(pixels.data, 4 * pixel);
  pen.putImageData(made, 0, 0);
  return canvas;
}
