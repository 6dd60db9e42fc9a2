// What the drivers share: a file a line comes in, a line of JSON for it goes out.
#pragma once
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>

struct Asked {
    std::string id, file, entry;
};

inline bool next(Asked &asked) {
    std::string line;
    if (!std::getline(std::cin, line)) return false;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    std::istringstream parts(line);
    return std::getline(parts, asked.id, '\t') && std::getline(parts, asked.file, '\t') && std::getline(parts, asked.entry);
}

inline bool read(const std::string &path, std::string &text) {
    std::ifstream file(path, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), {});
    return file.is_open();
}

inline std::string quoted(const std::string &text) {
    std::string json = "\"";
    for (unsigned char c : text) {
        char escape[8];
        std::snprintf(escape, sizeof escape, c < 32 || c == '"' || c == '\\' || c > 126 ? "\\u%04x" : "%c", c);
        json += escape;
    }
    return json + "\"";
}

inline void say(const std::string &json) {
    std::cout << json << "\n" << std::flush;
}

inline void answer(const Asked &asked, const std::string &error) {
    std::string said = error.empty() ? "true" : "false, \"error\": " + quoted(error.substr(0, 4000));
    say("{\"id\": " + quoted(asked.id) + ", \"ok\": " + said + "}");
}
