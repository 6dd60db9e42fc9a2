// DXC and its validator over many files: dxc_driver LIBRARY, then `id <tab> file <tab> entry` a line.
#include "driver.hpp"

#include <dlfcn.h>

#include "dxcapi.h"

static DxcCreateInstanceProc create;

template <typename T>
static CComPtr<T> made(REFCLSID what) {
    CComPtr<T> made;
    if (FAILED(create(what, __uuidof(T), reinterpret_cast<void **>(&made)))) {
        std::cerr << "error: DxcCreateInstance fails\n";
        std::exit(1);
    }
    return made;
}

static std::wstring wide(const std::string &text) {
    return {text.begin(), text.end()};
}

// All that it says but that it cannot sign, which is no fault of a shader's, and a heading.
static std::string complaints(IDxcResult *result) {
    CComPtr<IDxcBlobUtf8> errors;
    if (FAILED(result->GetOutput(DXC_OUT_ERRORS, IID_PPV_ARGS(&errors), nullptr)) || !errors) return "";
    std::istringstream lines(errors->GetStringPointer());
    std::string line, found;
    while (std::getline(lines, line)) {
        bool is_noise = line.find("will not be signed") != std::string::npos || line.find("error: validation errors") == 0;
        if (!line.empty() && !is_noise) found += line + "\n";
    }
    return found;
}

static std::string text_of(IDxcOperationResult *result) {
    CComPtr<IDxcBlobEncoding> errors;
    if (FAILED(result->GetErrorBuffer(&errors)) || !errors) return "";
    return {static_cast<const char *>(errors->GetBufferPointer()), errors->GetBufferSize()};
}

static std::string validated(IDxcValidator *validator, IDxcBlob *object) {
    CComPtr<IDxcOperationResult> result;
    HRESULT status = E_FAIL;
    // In place, because what it makes of a valid object is not of interest.
    if (FAILED(validator->Validate(object, DxcValidatorFlags_InPlaceEdit, &result)) || FAILED(result->GetStatus(&status)))
        return "error: the validator fails";
    return SUCCEEDED(status) ? "" : "error: the validator says: " + text_of(result);
}

// As wgpu asks for it, and as strictly as wgpu takes it: whatever it says is a refusal.
static std::string compiled(IDxcCompiler3 *compiler, IDxcValidator *validator, const std::string &text,
                            const std::wstring &entry) {
    LPCWSTR options[] = {L"-E",   entry.c_str(),   L"-T",   L"cs_6_2",             L"-HV",
                         L"2018", L"-no-warnings", L"-Ges", L"-enable-16bit-types"};
    DxcBuffer buffer = {text.data(), text.size(), DXC_CP_UTF8};
    CComPtr<IDxcResult> result;
    HRESULT status = E_FAIL;
    if (FAILED(compiler->Compile(&buffer, options, std::size(options), nullptr, IID_PPV_ARGS(&result))))
        return "error: IDxcCompiler3 fails";
    std::string said = complaints(result);
    if (!said.empty()) return said;
    CComPtr<IDxcBlob> object;
    if (FAILED(result->GetStatus(&status)) || FAILED(status)) return "error: refused without a reason";
    if (FAILED(result->GetOutput(DXC_OUT_OBJECT, IID_PPV_ARGS(&object), nullptr)) || !object) return "error: no object";
    return validated(validator, object);
}

static std::string version(IDxcCompiler3 *compiler) {
    CComPtr<IDxcVersionInfo> info;
    UINT32 major = 0, minor = 0;
    if (SUCCEEDED(compiler->QueryInterface(IID_PPV_ARGS(&info)))) info->GetVersion(&major, &minor);
    std::string text = std::to_string(major) + "." + std::to_string(minor);
    CComPtr<IDxcVersionInfo2> more;
    UINT32 commits = 0;
    char *hash = nullptr;
    if (SUCCEEDED(compiler->QueryInterface(IID_PPV_ARGS(&more))) && SUCCEEDED(more->GetCommitInfo(&commits, &hash)))
        text += "." + std::to_string(commits) + " (" + hash + ")";
    return text;
}

int main(int count, char **arguments) {
    void *library = count == 2 ? dlopen(arguments[1], RTLD_NOW) : nullptr;
    if (library) create = reinterpret_cast<DxcCreateInstanceProc>(dlsym(library, "DxcCreateInstance"));
    if (!create) {
        std::cerr << "error: no DxcCreateInstance: " << (count == 2 ? dlerror() : "no library named") << "\n";
        return 1;
    }
    auto compiler = made<IDxcCompiler3>(CLSID_DxcCompiler);
    auto validator = made<IDxcValidator>(CLSID_DxcValidator);
    say("{\"version\": " + quoted(version(compiler)) + "}");
    Asked asked;
    std::string text;
    while (next(asked)) {
        answer(asked, read(asked.file, text) ? compiled(compiler, validator, text, wide(asked.entry)) : "error: unreadable");
    }
    // Not by way of destructors, of which some belong to the library.
    std::cout.flush();
    _Exit(0);
}
