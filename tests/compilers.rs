//! Every kernel as plans specialise it, through naga and into the languages of the other graphics interfaces. What
//! naga writes is left in `target/translations`, where `scripts/compilers` hands it to the compilers of other platforms.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use gyrus::conformance::variants::{self, Variant, Variants};
use gyrus::gpu::{CEILING_KERNELS, ceiling_plans};
use gyrus::graph::{self, Graph, input_shapes};
use gyrus::ops;
use gyrus::plan::lowering::Choice;
use gyrus::plan::{Plan, Precision, Target, plan};
use naga::back::pipeline_constants::process_overrides;
use naga::back::{hlsl, msl, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use naga::{Module, ShaderStage};
use rayon::prelude::*;
use serde_json::{Value, json};

/// One waived rule of newer validators, about how naga lays out arrays that workgroups share; no driver minds.
const WAIVED: &str = "VUID-StandaloneSpirv-None-10684";

/// What naga makes of one variant; HLSL of shader model 5.1 only of what is to run everywhere.
struct Translations {
    spirv: Vec<u8>,
    hlsl51: Option<(String, String)>,
    hlsl60: (String, String),
    msl: (String, String),
}

#[test]
fn every_variant_is_valid_and_translates() {
    let variants = all_variants();
    assert!(variants.len() > 200, "only {} variants", variants.len());
    let reached: BTreeSet<&str> = variants.values().map(|variant| variant.kernel.name).collect();
    let missing: BTreeSet<&str> = ops::kernels()
        .chain(CEILING_KERNELS.iter().copied())
        .map(|kernel| kernel.name)
        .filter(|name| !reached.contains(name))
        .collect();
    assert!(missing.is_empty(), "no case comes to these kernels: {missing:?}");
    let translated: Vec<(&String, Result<Translations, String>)> =
        variants.par_iter().map(|(id, variant)| (id, translate(variant))).collect();
    let faults: Vec<String> = translated
        .iter()
        .filter_map(|(id, t)| t.as_ref().err().map(|fault| format!("{id}: {fault}")))
        .collect();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), variants.len(), faults.join("\n"));
    let translated = translated.into_iter().filter_map(|(id, t)| Some((id.clone(), t.ok()?))).collect();
    let folder = write(variants, &translated).expect("a folder in target");
    let refused = refused_by_spirv_val(&folder, variants.keys());
    assert!(
        refused.is_empty(),
        "spirv-val refuses {} of {}:\n{}",
        refused.len(),
        variants.len(),
        refused.join("\n")
    );
}

#[test]
fn what_is_wrong_is_refused() {
    let variants = all_variants();
    let (id, variant) = variants.iter().find(|(_, v)| v.kernel.name == "elementwise_f32").expect("a kernel");
    let text = variant.text();
    assert!(parse(&text, false).is_ok() && parse(&text.replacen("u32", "f32", 1), false).is_err());
    let folder = tempfile::tempdir().expect("a folder");
    let mut spirv = translate(variant).expect("a translation").spirv;
    let refused = |spirv: &[u8]| {
        fs::write(folder.path().join(format!("{id}.spv")), spirv).expect("a file");
        refused_by_spirv_val(folder.path(), [id].into_iter())
    };
    assert_eq!(refused(&spirv), Vec::<String>::new());
    // The last instruction ends the last function.
    spirv.truncate(spirv.len() - 4);
    assert_eq!(refused(&spirv).len(), 1);
}

/// What the builtin cases, the shipped networks and the measurements of devices come to.
fn all_variants() -> &'static Variants {
    static FOUND: OnceLock<Variants> = OnceLock::new();
    FOUND.get_or_init(|| {
        let mut found = variants::of_cases().expect("cases that can be planned");
        found.extend(variants::of_plans(&shipped()));
        found.extend(variants::of_plans(&ceiling_plans(&Target::portable())));
        found
    })
}

/// Plans of the shipped networks for every kind of device.
fn shipped() -> Vec<Plan> {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
    let folders = fs::read_dir(weights).expect("the shipped networks");
    let files = folders
        .map(|folder| folder.expect("a folder").path().join("model.onnx"))
        .filter(|path| path.exists());
    let graph = |path: PathBuf| {
        let network = gyrus::onnx::read(&path).expect("a network").network;
        let shapes = input_shapes(&network, &Default::default(), 1).expect("known shapes");
        let mut graph = graph::build(&network, &shapes).expect("a graph");
        graph::fuse(&mut graph);
        graph
    };
    let graphs: Vec<Graph> = files.map(graph).collect();
    assert!(graphs.len() >= 2, "the classifier and the U-Net");
    let half = Target { precision: Precision::F16, ..Target::portable() };
    let targets: Vec<Target> = variants::targets().into_iter().chain([half]).collect();
    let each: Vec<(&Target, &Graph)> =
        targets.iter().flat_map(|target| graphs.iter().map(move |graph| (target, graph))).collect();
    each.par_iter().map(|(target, graph)| plan(graph, target, &Choice::default()).expect("a plan")).collect()
}

fn parse(text: &str, subgroups: bool) -> Result<(Module, ModuleInfo), String> {
    let module = naga::front::wgsl::parse_str(text).map_err(|e| e.emit_to_string(text))?;
    let (capabilities, stages, operations) = match subgroups {
        true => (Capabilities::SUBGROUP, ShaderStages::COMPUTE, SubgroupOperationSet::all()),
        false => (Capabilities::empty(), ShaderStages::empty(), SubgroupOperationSet::empty()),
    };
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .subgroup_stages(stages)
        .subgroup_operations(operations)
        .validate(&module)
        .map_err(|e| e.emit_to_string(text))?;
    Ok((module, info))
}

fn translate(variant: &Variant) -> Result<Translations, String> {
    let (module, info) = parse(&variant.text(), variant.kernel.subgroups)?;
    let constants = variant.constants.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    let entry = Some((ShaderStage::Compute, "main"));
    let (module, info) =
        process_overrides(&module, &info, entry, &constants).map_err(|e| format!("overrides: {e}"))?;
    let (module, info) = (module.as_ref(), info.as_ref());
    let portable = !variant.kernel.subgroups;
    Ok(Translations {
        spirv: spirv(module, info)?,
        // Subgroup operations need shader model 6 and are an extra that no device depends on.
        hlsl51: portable.then(|| hlsl(module, info, hlsl::ShaderModel::V5_1)).transpose()?,
        hlsl60: hlsl(module, info, hlsl::ShaderModel::V6_2)?,
        msl: msl(module, info)?,
    })
}

/// As wgpu has it written for Vulkan 1.1, which is what WebGPU's least device has.
fn spirv(module: &Module, info: &ModuleInfo) -> Result<Vec<u8>, String> {
    let restricted = BoundsCheckPolicy::Restrict;
    let options = spv::Options {
        lang_version: (1, 3),
        bounds_check_policies: BoundsCheckPolicies {
            index: restricted,
            buffer: restricted,
            image_load: restricted,
            ..Default::default()
        },
        ..Default::default()
    };
    let words = spv::write_vec(module, info, &options, None).map_err(|e| format!("SPIR-V: {e}"))?;
    Ok(words.iter().flat_map(|word| word.to_le_bytes()).collect())
}

/// The text and the name of its entry point.
fn hlsl(
    module: &Module,
    info: &ModuleInfo,
    shader_model: hlsl::ShaderModel,
) -> Result<(String, String), String> {
    let options = hlsl::Options { shader_model, fake_missing_bindings: true, ..Default::default() };
    let mut text = String::new();
    let pipeline = hlsl::PipelineOptions::default();
    let mut writer = hlsl::Writer::new(&mut text, &options, &pipeline);
    let said = writer.write(module, info, None).map_err(|e| format!("HLSL {shader_model:?}: {e}"))?;
    let name = said.entry_point_names.into_iter().next().ok_or("HLSL: no entry point")?;
    Ok((text, name.map_err(|e| format!("HLSL: {e}"))?))
}

fn msl(module: &Module, info: &ModuleInfo) -> Result<(String, String), String> {
    let options = msl::Options { lang_version: (2, 4), ..Default::default() };
    let (text, said) = msl::write_string(module, info, &options, &msl::PipelineOptions::default())
        .map_err(|e| format!("MSL: {e}"))?;
    let name = said.entry_point_names.into_iter().next().ok_or("MSL: no entry point")?;
    Ok((text, name.map_err(|e| format!("MSL: {e}"))?))
}

/// Leaves the translations in a folder, with a list of what they are.
fn write(variants: &Variants, translated: &BTreeMap<String, Translations>) -> std::io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../translations");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let file = |id: &str, kind: &str| folder.join(format!("{id}.{kind}"));
    for (id, t) in translated {
        fs::write(file(id, "wgsl"), variants[id].text())?;
        fs::write(file(id, "spv"), &t.spirv)?;
        if let Some((text, _)) = &t.hlsl51 {
            fs::write(file(id, "hlsl51"), text)?;
        }
        fs::write(file(id, "hlsl60"), &t.hlsl60.0)?;
        fs::write(file(id, "metal"), &t.msl.0)?;
    }
    let listed: Vec<Value> = translated.iter().map(|(id, t)| described(id, &variants[id], t)).collect();
    let index = json!({ "gyrus": env!("CARGO_PKG_VERSION"), "naga": naga_version(), "variants": listed });
    fs::write(folder.join("index.json"), index.to_string())?;
    Ok(folder)
}

fn described(id: &str, variant: &Variant, t: &Translations) -> Value {
    let constants: BTreeMap<&str, f64> =
        variant.constants.iter().map(|(name, v)| (name.as_ref(), *v)).collect();
    json!({
        "id": id,
        "kernel": variant.kernel.name,
        "read": variant.textures.read,
        "written": variant.textures.written,
        "subgroups": variant.kernel.subgroups,
        "portable": t.hlsl51.is_some(),
        "constants": constants,
        "entry": { "hlsl51": t.hlsl51.as_ref().map(|(_, name)| name), "hlsl60": t.hlsl60.1, "msl": t.msl.1 },
    })
}

/// Of the naga that Cargo has chosen.
fn naga_version() -> String {
    let lock = include_str!("../Cargo.lock");
    let version = lock.split("name = \"naga\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
    version.unwrap_or("unknown").to_string()
}

/// What the validator of the Khronos group says against the SPIR-V.
fn refused_by_spirv_val<'a>(folder: &Path, ids: impl Iterator<Item = &'a String>) -> Vec<String> {
    let ids: Vec<&String> = ids.collect();
    let check = |id: &&String| {
        let said = Command::new("spirv-val")
            .args(["--target-env", "vulkan1.1"])
            .arg(folder.join(format!("{id}.spv")))
            .output()
            .expect("needs spirv-val: apt-get install spirv-tools, or scripts/test");
        let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).trim().to_string();
        (!said.status.success() && !text.contains(WAIVED)).then(|| format!("{id}: {text}"))
    };
    ids.par_iter().filter_map(check).collect()
}
