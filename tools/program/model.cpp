#include "model.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "input.hpp"

namespace attnpool::program {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* format_tag = "attnpool-model";
constexpr int format_version = 1;

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

/// The dates from which the seconds of x columns count, "" for a column of numbers.
std::vector<std::string> origin_texts(const std::vector<std::optional<Moment>>& origins) {
  std::vector<std::string> texts;
  for (const auto& origin : origins) texts.push_back(origin ? date_text(*origin, 0) : "");
  return texts;
}

std::string checksum(const Model& model) {
  Checksum sum;
  sum.add(std::string(name(model.precision)));
  sum.add(model.data.x);
  sum.add(model.data.y);
  sum.add(model.w);
  if (!model.data.groups.empty()) {
    sum.add(std::vector<std::string>{model.data.group});
    sum.add(model.data.groups);
    for (const std::vector<double>& w : model.group_w) sum.add(w);
  }
  sum.add(model.data.keys.cells);
  sum.add(model.data.values.cells);
  if (!model.data.key_weights.empty()) sum.add(model.data.key_weights);
  if (!model.data.origins.empty()) sum.add(origin_texts(model.data.origins));
  return sum.text();
}

/// Reads the members of the object, and says what is wrong with which.
class Reader {
 public:
  Reader(const Json& object, const std::string& file) : object_(object), file_(file) {}

  [[noreturn]] void fail(const std::string& message) const { throw DataError(file_ + ": " + message); }

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

  double finite(const Json& value, const char* key) const {
    if (!value.is_number() || !std::isfinite(value.get<double>())) {
      fail(std::string("'") + key + "' holds something that is not a finite number");
    }
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

  std::vector<std::optional<Moment>> origins(const char* key, std::size_t count) const {
    const Json& array = member(key);
    if (!array.is_array() || array.size() != count)
      fail(std::string("'") + key + "' is not one entry for each x column");
    std::vector<std::optional<Moment>> result;
    for (const Json& value : array) {
      const std::string text = value.is_string() ? value.get<std::string>() : "no date";
      result.push_back(text.empty() ? std::nullopt : parse_date(text));
      if (!text.empty() && !result.back())
        fail(std::string("'") + key + "' holds " + cited(text) + ", which is no date");
    }
    return result;
  }

  Matrix<double> matrix(const char* key, std::size_t rows, std::size_t cols) const {
    std::vector<double> cells = numbers(key);
    if (cells.size() / cols != rows || cells.size() % cols != 0) {
      fail(std::string("'") + key + "' has " + counted(cells.size(), "number") + "; 'rows' and the names ask for " +
           std::to_string(rows) + " x " + std::to_string(cols));
    }
    return {std::move(cells), cols};
  }

 private:
  const Json& object_;
  const std::string& file_;
};

}  // namespace

const char* name(Loss loss) { return loss == Loss::mean ? "mean" : "half-sum"; }
Loss loss_from_name(std::string_view name) { return name == "mean" ? Loss::mean : Loss::half_sum; }

void check_names(const Data& data) {
  const std::vector<std::string> group = {data.group}, groups = distinct(data.groups);
  for (const auto* names : {&data.x, &data.y, &group, &groups}) {
    for (const std::string& name : *names) {
      try {
        static_cast<void>(Json(name).dump());
      } catch (const Json::type_error&) {
        throw DataError("the name " + cited(name) + " is not UTF-8; a model cannot hold it");
      }
    }
  }
}

std::string to_json(const Model& model) {
  Json object;
  object["format"] = format_tag;
  object["format_version"] = format_version;
  object["attnpool_version"] = version();
  object["precision"] = name(model.precision);
  object["x"] = model.data.x;
  object["y"] = model.data.y;
  if (model.data.groups.empty()) {
    object["w"] = model.w;
  } else {
    object["group"] = model.data.group;
    object["groups"] = model.data.groups;
    object["group_w"] = model.group_w;
  }
  object["loss"] = name(model.loss);
  object["leave_one_out"] = model.leave_one_out;
  object["loss_before"] = model.loss_before;
  object["loss_after"] = model.loss_after;
  object["stop"] = model.stop;
  object["rows"] = model.data.keys.rows;
  object["keys"] = model.data.keys.cells;
  object["values"] = model.data.values.cells;
  if (!model.data.key_weights.empty()) object["key_weights"] = model.data.key_weights;
  if (!model.data.origins.empty()) object["x_origin"] = origin_texts(model.data.origins);
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
  if (object.is_discarded()) throw DataError(file + ": not a model: truncated, or not JSON");
  const Reader reader(object, file);
  if (!object.is_object() || !object.contains("format") || object["format"] != format_tag) {
    reader.fail("not a model: JSON of something else");
  }
  if (const Json& file_version = reader.member("format_version"); file_version != format_version) {
    reader.fail("model format version " + printable(file_version.dump()) + "; this program reads version " +
                std::to_string(format_version));
  }
  Model model;
  model.precision = reader.one_of("precision", {"float", "double"}) == "float" ? Precision::float_ : Precision::double_;
  model.data.x = reader.names("x");
  model.data.y = reader.names("y");
  const auto check_w = [&](const char* key, const std::vector<double>& w) {
    if (w.size() != 1 && w.size() != model.data.x.size()) {
      reader.fail(std::string("'") + key + "' has " + counted(w.size(), "number") + " for " +
                  counted(model.data.x.size(), "x column"));
    }
  };
  if (object.contains("group_w")) {
    model.data.group = reader.string("group");
    model.data.groups = reader.names("groups");
    model.group_w = reader.lists("group_w");
    for (const std::vector<double>& w : model.group_w) check_w("group_w", w);
  } else {
    model.w = reader.numbers("w");
    check_w("w", model.w);
  }
  model.loss = loss_from_name(reader.one_of("loss", {"mean", "half-sum"}));
  if (!reader.member("leave_one_out").is_boolean()) reader.fail("'leave_one_out' is not true or false");
  model.leave_one_out = reader.member("leave_one_out").get<bool>();
  const auto loss_or_nan = [&](const char* key) {
    return reader.member(key).is_null() ? std::numeric_limits<double>::quiet_NaN()
                                        : reader.finite(reader.member(key), key);
  };
  model.loss_before = loss_or_nan("loss_before");
  model.loss_after = loss_or_nan("loss_after");
  model.stop = reader.string("stop");
  const Json& rows = reader.member("rows");
  if (!rows.is_number_unsigned() || rows == 0) reader.fail("'rows' is not a whole number above 0");
  model.data.keys = reader.matrix("keys", rows.get<std::size_t>(), model.data.x.size());
  model.data.values = reader.matrix("values", rows.get<std::size_t>(), model.data.y.size());
  if (!model.data.groups.empty()) {
    if (model.data.groups.size() != model.data.keys.rows) reader.fail("'groups' is not one name for each row");
    if (distinct(model.data.groups).size() != model.group_w.size())
      reader.fail("'group_w' is not one entry for each group");
  }
  if (object.contains("key_weights")) {
    model.data.key_weights = reader.matrix("key_weights", model.data.keys.rows, 1).cells;
    check_key_weights(model.data.key_weights, file);
  }
  if (object.contains("x_origin")) model.data.origins = reader.origins("x_origin", model.data.x.size());
  if (reader.string("checksum") != checksum(model))
    reader.fail("the checksum does not agree; the model was damaged or edited");
  return model;
}

Model read_model(const std::string& path) {
  Input input(path);
  std::string text(input.bytes_left(), '\0');
  text.resize(input.read(text.data(), text.size()));
  return model_from_json(text, input.name());
}

}  // namespace attnpool::program
