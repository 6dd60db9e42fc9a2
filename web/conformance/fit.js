// Whether an adapter can run a plan that was made without knowing it. Why not is said in words: nothing is left out silently.

import { memories, placeOf, precisionOf } from "../gpu/memory.js";
import { textureSize } from "../gpu/texels.js";

/** Broadcasts are from the first eight lanes of a subgroup. */
const LANES = 8;

/** Why this device cannot run the plan; `null` where it can. */
export function unfit(plan, gpu) {
  return unfitSubgroups(plan, gpu) ?? unfitSizes(plan, gpu.device.limits);
}

function unfitSubgroups({ steps }, { adapter, subgroup }) {
  if (!steps.some((step) => step.subgroups)) return null;
  if (!adapter.features.includes("subgroups")) return "the browser offers no subgroup operations on this adapter";
  if (subgroup === null) {
    const lanes = adapter.subgroups ? `${adapter.subgroups.join(" to ")} lanes` : "a width that it does not tell";
    return `the kernel wants subgroups of one width, and this adapter's are of ${lanes}`;
  }
  if (subgroup >= LANES) return null;
  return `the kernel wants subgroups of ${LANES} lanes or more, and this adapter's are of ${subgroup}`;
}

function unfitSizes(plan, limits) {
  const { weights, steps } = plan;
  const isBuffer = ({ buffer }) => {
    const { kind, index } = placeOf(buffer);
    return kind === "slab" || (kind === "weights" && !weights[index].texture);
  };
  const bound = steps.flatMap((step) => [...step.inputs, step.output].filter(isBuffer));
  const buffers = [...plan.slabs, ...weights.filter((of) => !of.texture).map((of) => of.bytes)];
  const needs = [
    ["a buffer", buffers, limits.maxBufferSize, "bytes"],
    ["a binding", bound.map((range) => range.size), limits.maxStorageBufferBindingSize, "bytes"],
    ["a texture with a side", sides(plan), limits.maxTextureDimension2D, "texels"],
    ["a grid with a side", steps.flatMap((step) => step.grid), limits.maxComputeWorkgroupsPerDimension, "workgroups"],
  ];
  const over = needs.find(([, sizes, limit]) => Math.max(0, ...sizes) > limit);
  if (!over) return null;
  const [what, sizes, limit, unit] = over;
  return `it needs ${what} of ${Math.max(...sizes)} ${unit}, and this adapter allows ${limit}`;
}

function sides({ textures, half_textures: halves, weights }) {
  const activations = memories({ slabs: [], textures, half_textures: halves });
  return [
    ...activations.flatMap(({ buffer, size }) => textureSize(size, precisionOf(placeOf(buffer).kind))),
    ...weights.filter((of) => of.texture).flatMap((of) => textureSize(of.bytes, of.precision)),
  ];
}
