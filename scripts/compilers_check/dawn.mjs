// Builds the pipeline of every WGSL file that it is asked for: a line of JSON each way.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(resolve(process.argv[2]), 'package.json'));
const { create } = await import(pathToFileURL(require.resolve('webgpu')));
// The null backend has the limits that every browser grants, and no more.
const gpu = create(['backend=null']);
const adapter = await gpu.requestAdapter();
const requiredFeatures = ['subgroups', 'shader-f16'].filter((name) => adapter.features.has(name));
const device = await adapter.requestDevice({ requiredFeatures });

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

// Why it is refused; null where it does not.
async function refusal(code, constants) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const invalid = await device.popErrorScope();
  const error = messages.find((message) => message.type === 'error');
  if (error) return `${error.lineNum}:${error.linePos} error: ${error.message}`;
  if (invalid) return invalid.message;
  try {
    await device.createComputePipelineAsync({ layout: 'auto', compute: { module, constants } });
    return null;
  } catch (problem) {
    return problem.message;
  }
}

async function answer({ id, file, subgroups, constants }) {
  const text = readFileSync(file, 'utf8');
  // On the first line, so that the numbers of lines stay. naga does not take the directive, Dawn asks for it.
  const error = await refusal(subgroups ? `enable subgroups;${text}` : text, constants);
  return error === null ? { id, ok: true } : { id, ok: false, error };
}

say({ version: 'dawn' });
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  say(await answer(asked).catch((problem) => ({ id: asked.id, ok: false, error: String(problem) })));
}
// Dawn's objects are not worth the time that it takes to free them.
process.stdout.write('', () => process.exit(0));
