// Numbers and names as people read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const count = (n) => whole.format(n);

export function percent(fraction, digits = 1) {
  return `${(100 * fraction).toFixed(digits)} %`;
}

export function milliseconds(ms) {
  return `${ms < 100 ? ms.toFixed(1) : whole.format(ms)} ms`;
}

export function area(mm2) {
  return `${whole.format(mm2)} mm²`;
}

export function volume(ml) {
  return `${ml.toFixed(ml < 100 ? 2 : 1)} ml`;
}

export function bytes(n) {
  if (n < 1e6) return `${whole.format(Math.max(1, n / 1e3))} kB`;
  return `${(n / 1e6).toFixed(1)} MB`;
}

export function counted(n, one, many = `${one}s`) {
  return `${whole.format(n)} ${n === 1 ? one : many}`;
}

/** A file's name without what says its format. */
export function stem(name) {
  return name.replace(/\.(nii\.gz|[a-z0-9]{1,5})$/i, "") || name;
}
