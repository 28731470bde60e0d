#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "io/atomic_file.hpp"

namespace attnpool::program {

/// Writes a report; a path in it that is not UTF-8 must not stop it.
inline void write_json(const std::string& path, const nlohmann::ordered_json& report) {
  write_file(path, report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace attnpool::program
