// FXC over many files, on Windows or wine: d3dcompiler_47.dll beside it, `id <tab> file <tab> entry` a line.
#include "driver.hpp"

#include <windows.h>

#include <d3dcompiler.h>

static pD3DCompile compile;

static std::string text_of(ID3DBlob *blob) {
    return blob ? std::string(static_cast<const char *>(blob->GetBufferPointer()), blob->GetBufferSize()) : "";
}

// As wgpu asks for it: no defines, no includes, strict, optimisation as it comes.
static HRESULT compiled(const std::string &name, const std::string &text, const std::string &entry, std::string &object,
                        std::string &errors) {
    ID3DBlob *code = nullptr, *said = nullptr;
    HRESULT status = compile(text.data(), text.size(), name.c_str(), nullptr, nullptr, entry.c_str(), "cs_5_1",
                             D3DCOMPILE_ENABLE_STRICTNESS, 0, &code, &said);
    object = text_of(code), errors = text_of(said);
    if (code) code->Release();
    if (said) said->Release();
    return status;
}

// Warnings are no refusal, here as in wgpu.
static std::string refusal(const Asked &asked) {
    std::string text, object, errors;
    if (!read(asked.file, text)) return "error: unreadable";
    if (SUCCEEDED(compiled(asked.file, text, asked.entry, object, errors))) return "";
    return errors.empty() ? "error: refused without a reason" : errors;
}

// Every object says who made it.
static std::string maker() {
    const char *text = "RWByteAddressBuffer y : register(u0); [numthreads(1, 1, 1)] void main() { y.Store(0, 1); }";
    std::string object, errors;
    compiled("greeting", text, "main", object, errors);
    size_t start = object.find("Microsoft (R)");
    return start == std::string::npos ? "" : std::string(object.c_str() + start);
}

static std::string version(HMODULE library) {
    char path[MAX_PATH] = "";
    GetModuleFileNameA(library, path, sizeof path);
    DWORD unused = 0, size = GetFileVersionInfoSizeA(path, &unused);
    std::string held(size, '\0');
    VS_FIXEDFILEINFO *info = nullptr;
    UINT length = 0;
    if (!size || !GetFileVersionInfoA(path, 0, size, &held[0])) return "";
    if (!VerQueryValueA(&held[0], "\\", reinterpret_cast<void **>(&info), &length)) return "";
    std::ostringstream text;
    text << HIWORD(info->dwFileVersionMS) << "." << LOWORD(info->dwFileVersionMS) << ".";
    text << HIWORD(info->dwFileVersionLS) << "." << LOWORD(info->dwFileVersionLS);
    return text.str();
}

int main() {
    HMODULE library = LoadLibraryA("d3dcompiler_47.dll");
    if (library) compile = reinterpret_cast<pD3DCompile>(reinterpret_cast<void *>(GetProcAddress(library, "D3DCompile")));
    if (!compile) {
        std::cerr << "error: no D3DCompile in d3dcompiler_47.dll\n";
        return 1;
    }
    say("{\"version\": " + quoted(version(library)) + ", \"maker\": " + quoted(maker()) + "}");
    Asked asked;
    while (next(asked)) answer(asked, refusal(asked));
    return 0;
}
