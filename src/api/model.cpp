#include <algorithm>
#include <attnpool/from_string.hpp>
#include <attnpool/isa.hpp>
#include <attnpool/model.hpp>
#include <attnpool/pool.hpp>
#include <attnpool/version.hpp>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
// The library never ends a process, and neither may an assertion of the JSON library.
#define JSON_ASSERT(condition) static_cast<void>(0)
#include <nlohmann/json.hpp>
#include <set>

#include "base/to_string.hpp"
#include "base/validate.hpp"
#include "result/local_polynomial.hpp"

namespace attnpool {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* format_tag = "attnpool-model";
// Version 2 is that of models with another kernel, order or policy than version 1 knows.
constexpr int least_version = 1, largest_version = 2;

/// 'text', at most about 40 bytes long.
std::string cited(std::string_view text) {
  constexpr std::size_t limit = 40;
  std::size_t end = std::min(text.size(), limit);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;  // whole characters
  return "'" + std::string(text.substr(0, end)) + (end < text.size() ? "...'" : "'");
}

/// "1 row", "2 rows".
std::string counted(std::size_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// FNV-1a, 64 bits, over names and the bits of numbers (not over the text: the file may be laid out anew).
class Checksum {
 public:
  void add(std::uint64_t word) {
    for (int i = 0; i < 64; i += 8) hash_ = (hash_ ^ (word >> i & 0xff)) * 0x100000001b3;
  }
  void add(const std::string& text) {
    add(text.size());
    for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  void add(double number) { add(std::bit_cast<std::uint64_t>(number)); }
  template <class T>
  void add(const std::vector<T>& items) {
    add(items.size());
    for (const T& item : items) add(item);
  }

  std::string text() const {
    constexpr char digits[] = "0123456789abcdef";
    std::string result = "fnv1a64:";
    for (int i = 60; i >= 0; i -= 4) result += digits[hash_ >> i & 15];
    return result;
  }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

bool needs_version_2(const Model& model) {
  return model.kernel != KernelProfile{} || model.order != 0 || model.empty != Empty::nan;
}

std::string checksum(const Model& model) {
  Checksum sum;
  sum.add(std::string(model.in_double ? "double" : "float"));
  sum.add(model.x);
  sum.add(model.y);
  sum.add(model.w);
  if (!model.groups.empty()) {
    sum.add(std::vector<std::string>{model.group});
    sum.add(model.groups);
    for (const std::vector<double>& w : model.group_w) sum.add(w);
  }
  sum.add(model.keys);
  sum.add(model.values);
  if (!model.key_weights.empty()) sum.add(model.key_weights);
  if (!model.x_origin.empty()) sum.add(model.x_origin);
  if (needs_version_2(model)) {
    sum.add(std::vector<std::string>{to_string(model.kernel.shape), to_string(model.empty)});
    sum.add(model.kernel.alpha);
    sum.add(std::uint64_t{model.kernel.product});
    sum.add(static_cast<std::uint64_t>(model.order));
  }
  return sum.text();
}

/// Reads the members of the object, and says what is wrong with which.
class Reader {
 public:
  Reader(const Json& object, const std::string& file) : object_(object), file_(file) {}

  [[noreturn]] void fail(const std::string& message) const { throw ModelError(file_ + ": " + message); }

  const Json& member(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) fail(std::string("the model has no '") + key + "'");
    return *found;
  }

  std::string string(const char* key) const {
    const Json& value = member(key);
    if (!value.is_string()) fail(std::string("'") + key + "' is not a string");
    return value.get<std::string>();
  }

  std::string one_of(const char* key, const std::set<std::string>& choices) const {
    const std::string value = string(key);
    if (!choices.contains(value)) fail(std::string("'") + key + "' has an unknown value, " + cited(value));
    return value;
  }

  template <class Enum>
  Enum named(const char* key) const {
    const std::string value = string(key);
    try {
      return from_string<Enum>(value);
    } catch (const std::invalid_argument&) {
      fail(std::string("'") + key + "' has an unknown value, " + cited(value));
    }
  }

  double finite(const Json& value, const char* key) const {
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      fail(std::string("'") + key + "' holds something that is not a finite number");
    return value.get<double>();
  }

  std::vector<double> numbers(const char* key) const { return numbers(member(key), key); }

  std::vector<std::vector<double>> lists(const char* key) const {
    const Json& array = member(key);
    if (!array.is_array()) fail(std::string("'") + key + "' is not an array");
    std::vector<std::vector<double>> result;
    for (const Json& entry : array) result.push_back(numbers(entry, key));
    return result;
  }

  std::vector<double> numbers(const Json& array, const char* key) const {
    if (!array.is_array()) fail(std::string("'") + key + "' is not an array");
    std::vector<double> values;
    values.reserve(array.size());
    for (const Json& value : array) values.push_back(finite(value, key));
    return values;
  }

  std::vector<std::string> names(const char* key) const {
    const Json& array = member(key);
    std::vector<std::string> result;
    for (const Json& value : array) {
      if (!array.is_array() || !value.is_string()) fail(std::string("'") + key + "' is not an array of names");
      result.push_back(value.get<std::string>());
    }
    if (result.empty()) fail(std::string("'") + key + "' is empty");
    return result;
  }

  std::vector<double> matrix(const char* key, std::size_t rows, std::size_t cols) const {
    std::vector<double> cells = numbers(key);
    if (cells.size() / cols != rows || cells.size() % cols != 0) {
      fail(std::string("'") + key + "' has " + counted(cells.size(), "number") + "; 'rows' and the names ask for " +
           std::to_string(rows) + " x " + std::to_string(cols));
    }
    return cells;
  }

 private:
  const Json& object_;
  const std::string& file_;
};

void check_key_weights(const std::vector<double>& weights, const Reader& reader) {
  const auto [least, largest] = std::minmax_element(weights.begin(), weights.end());
  if (*least < 0)
    reader.fail("row " + std::to_string(least - weights.begin()) + " (from 0) has the key weight " +
                detail::to_string(*least) + "; none may be below 0");
  if (*largest == 0) reader.fail("every key weight is 0");
}

void check_header(const Reader& reader, const Json& object) {
  if (!object.is_object() || !object.contains("format") || object["format"] != format_tag) {
    reader.fail("not a model: JSON of something else");
  }
  const Json& file_version = reader.member("format_version");
  if (file_version != least_version && file_version != largest_version)
    reader.fail("model format version " + file_version.dump() + "; this program reads versions 1 and 2");
  for (const char* key : {"kernel", "alpha", "product", "order", "empty"})
    if (file_version == least_version && object.contains(key))
      reader.fail(std::string("'") + key + "' is not of format version 1");
}

/// One w, or one for each group; model has its x.
void read_bandwidths(const Reader& reader, const Json& object, Model& model) {
  const auto check = [&](const char* key, const std::vector<double>& w) {
    if (w.size() != 1 && w.size() != model.x.size()) {
      reader.fail(std::string("'") + key + "' has " + counted(w.size(), "number") + " for " +
                  counted(model.x.size(), "x column"));
    }
  };
  if (object.contains("group_w")) {
    model.group = reader.string("group");
    model.groups = reader.names("groups");
    model.group_w = reader.lists("group_w");
    for (const std::vector<double>& w : model.group_w) check("group_w", w);
  } else {
    model.w = reader.numbers("w");
    check("w", model.w);
  }
}

/// Kernel, order and policy, where the file has them; model has its x.
void read_smoothing(const Reader& reader, const Json& object, Model& model) {
  const auto refuse = [&](const std::string& key, const std::string& what) {
    reader.fail("'" + key + "' is " + reader.member(key.c_str()).dump() + ", " + what);
  };
  if (object.contains("kernel")) model.kernel.shape = reader.named<KernelShape>("kernel");
  if (object.contains("alpha")) {
    model.kernel.alpha = reader.finite(reader.member("alpha"), "alpha");
    if (!(model.kernel.alpha > 0 && model.kernel.alpha <= 1000)) refuse("alpha", "not above 0 and at most 1000");
  }
  if (object.contains("product")) {
    if (!object["product"].is_boolean()) reader.fail("'product' is not true or false");
    model.kernel.product = object["product"].get<bool>();
  }
  if (object.contains("order")) {
    const Json& order = object["order"];
    if (order != 0 && order != 1 && order != 2) refuse("order", "not 0, 1 or 2");
    model.order = order.get<int>();
    const std::size_t most = model.order == 2 ? 1 : detail::LocalPolynomial::most_terms;
    if (model.order > 0 && model.x.size() > most)
      refuse("order", "which serves at most " + counted(most, "x column") + ", not " + std::to_string(model.x.size()));
  }
  if (object.contains("empty")) model.empty = reader.named<Empty>("empty");
}

/// How the bandwidth was found.
void read_fit(const Reader& reader, Model& model) {
  model.loss = reader.one_of("loss", {"mean", "half-sum"}) == "mean" ? Loss::mean : Loss::half_sum;
  if (!reader.member("leave_one_out").is_boolean()) reader.fail("'leave_one_out' is not true or false");
  model.leave_one_out = reader.member("leave_one_out").get<bool>();
  const auto loss_or_nan = [&](const char* key) {
    return reader.member(key).is_null() ? std::numeric_limits<double>::quiet_NaN()
                                        : reader.finite(reader.member(key), key);
  };
  model.loss_before = loss_or_nan("loss_before");
  model.loss_after = loss_or_nan("loss_after");
  model.stop = reader.string("stop");
}

/// The data; model has its names and bandwidths.
void read_rows(const Reader& reader, const Json& object, Model& model) {
  const Json& rows = reader.member("rows");
  if (!rows.is_number_unsigned() || rows == 0) reader.fail("'rows' is not a whole number above 0");
  model.keys = reader.matrix("keys", rows.get<std::size_t>(), model.x.size());
  model.values = reader.matrix("values", rows.get<std::size_t>(), model.y.size());
  if (!model.groups.empty()) {
    if (model.groups.size() != model.rows()) reader.fail("'groups' is not one name for each row");
    if (std::set<std::string>(model.groups.begin(), model.groups.end()).size() != model.group_w.size())
      reader.fail("'group_w' is not one entry for each group");
  }
  if (object.contains("key_weights")) {
    model.key_weights = reader.matrix("key_weights", model.rows(), 1);
    check_key_weights(model.key_weights, reader);
  }
}

/// JSON holds nothing but UTF-8.
void check_names(const Model& model) {
  const std::vector<std::string> group = {model.group};
  for (const auto* names : {&model.x, &model.y, &group, &model.groups}) {
    for (const std::string& name : *names) {
      try {
        static_cast<void>(Json(name).dump());
      } catch (const Json::type_error&) {
        throw ModelError("the name " + cited(name) + " is not UTF-8; a model cannot hold it");
      }
    }
  }
}

[[noreturn]] void fail_with_errno(const std::string& what, const std::string& path) {
  throw ModelError(what + " " + path + ": " + std::strerror(errno));
}

}  // namespace

std::string model_to_json(const Model& model) {
  check_names(model);
  Json object;
  object["format"] = format_tag;
  object["format_version"] = needs_version_2(model) ? largest_version : least_version;
  object["attnpool_version"] = version();
  object["precision"] = model.in_double ? "double" : "float";
  object["x"] = model.x;
  object["y"] = model.y;
  if (model.groups.empty()) {
    object["w"] = model.w;
  } else {
    object["group"] = model.group;
    object["groups"] = model.groups;
    object["group_w"] = model.group_w;
  }
  if (model.kernel.shape != KernelShape::gaussian) object["kernel"] = to_string(model.kernel.shape);
  if (model.kernel.alpha != 1) object["alpha"] = model.kernel.alpha;
  if (model.kernel.product) object["product"] = true;
  if (model.order != 0) object["order"] = model.order;
  if (model.empty != Empty::nan) object["empty"] = to_string(model.empty);
  object["loss"] = to_string(model.loss);
  object["leave_one_out"] = model.leave_one_out;
  object["loss_before"] = model.loss_before;
  object["loss_after"] = model.loss_after;
  object["stop"] = model.stop;
  object["rows"] = model.rows();
  object["keys"] = model.keys;
  object["values"] = model.values;
  if (!model.key_weights.empty()) object["key_weights"] = model.key_weights;
  if (!model.x_origin.empty()) object["x_origin"] = model.x_origin;
  object["checksum"] = checksum(model);
  std::string text = "{\n";  // one member per line
  for (const auto& [key, value] : object.items()) {
    text += (text.size() > 2 ? ",\n  " : "  ") + Json(key).dump() + ": ";
    text += value.dump();
  }
  return text + "\n}\n";
}

Model model_from_json(std::string_view text, const std::string& file) {
  const Json object = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) throw ModelError(file + ": not a model: truncated, or not JSON");
  const Reader reader(object, file);
  check_header(reader, object);
  Model model;
  model.in_double = reader.one_of("precision", {"float", "double"}) == "double";
  model.x = reader.names("x");
  model.y = reader.names("y");
  read_bandwidths(reader, object, model);
  read_smoothing(reader, object, model);
  read_fit(reader, model);
  read_rows(reader, object, model);
  if (object.contains("x_origin")) {
    model.x_origin = reader.names("x_origin");
    if (model.x_origin.size() != model.x.size()) reader.fail("'x_origin' is not one entry for each x column");
  }
  if (reader.string("checksum") != checksum(model))
    reader.fail("the checksum does not agree; the model was damaged or edited");
  return model;
}

Model load_model(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail_with_errno("cannot read", path);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) fail_with_errno("cannot read", path);
  return model_from_json(text, path);
}

void save_model(const Model& model, const std::string& path) {
  const std::string text = model_to_json(model), temporary = path + ".tmp";
  {
    std::ofstream file(temporary, std::ios::binary);
    if (!file || !(file << text) || !file.flush()) {
      std::remove(temporary.c_str());
      fail_with_errno("cannot write", path);
    }
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    std::remove(temporary.c_str());
    fail_with_errno("cannot write", path);
  }
}

void predict(const Model& model, MatrixView<const double> queries, MatrixView<double> out, const Options& options) {
  if (!model.groups.empty()) detail::bad_argument("model", "has groups; each has a w of its own");
  if (!options.key_weights.empty()) detail::bad_argument("key_weights", "are those of the model");
  if (options.order != 0) detail::bad_argument("order", "is that of the model");
  if (options.empty != Empty::nan) detail::bad_argument("empty", "is that of the model");
  Options all = options;
  all.key_weights = model.key_weights;
  all.order = model.order;
  all.empty = model.empty;
  pool<double>(queries, {model.keys.data(), model.rows(), model.x.size()},
               {model.values.data(), model.rows(), model.y.size()}, Kernel(model.kernel, model.w), out, all);
}

}  // namespace attnpool
