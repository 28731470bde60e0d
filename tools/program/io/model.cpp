#include "io/model.hpp"

#include "io/input.hpp"

namespace attnpool::program {
namespace {

/// The library's model of the same content.
attnpool::Model plain(const Model& model) {
  const Data& data = model.data;
  attnpool::Model result{.x = data.x,
                         .y = data.y,
                         .keys = data.keys.cells,
                         .values = data.values.cells,
                         .key_weights = data.key_weights,
                         .w = model.w,
                         .group = data.group,
                         .groups = data.groups,
                         .group_w = model.group_w,
                         .kernel = model.smoothing.kernel,
                         .order = model.smoothing.order,
                         .empty = model.smoothing.empty,
                         .in_double = model.precision == Precision::double_,
                         .loss = model.loss,
                         .leave_one_out = model.leave_one_out,
                         .loss_before = model.loss_before,
                         .loss_after = model.loss_after,
                         .stop = model.stop};
  for (const auto& origin : data.origins) result.x_origin.push_back(origin ? date_text(*origin, 0) : "");
  return result;
}

std::vector<std::optional<Moment>> parsed_origins(const std::vector<std::string>& texts, const std::string& file) {
  std::vector<std::optional<Moment>> origins;
  for (const std::string& text : texts) {
    origins.push_back(text.empty() ? std::nullopt : parse_date(text));
    if (!text.empty() && !origins.back())
      throw DataError(file + ": 'x_origin' holds " + in_quotes(text) + ", which is no date");
  }
  return origins;
}

}  // namespace

void check_names(const Data& data) {
  try {
    static_cast<void>(model_to_json({.x = data.x,
                                     .y = data.y,
                                     .keys = {},
                                     .values = {},
                                     .w = {},
                                     .group = data.group,
                                     .groups = distinct(data.groups)}));
  } catch (const ModelError& error) {
    throw DataError(printable(error.what()));
  }
}

std::string to_json(const Model& model) { return model_to_json(plain(model)); }

Model model_from_json(std::string_view text, const std::string& file) {
  try {
    attnpool::Model read = attnpool::model_from_json(text, file);
    Model model;
    const std::size_t x_cols = read.x.size(), y_cols = read.y.size();
    model.data = {.x = std::move(read.x),
                  .y = std::move(read.y),
                  .keys = {std::move(read.keys), x_cols},
                  .values = {std::move(read.values), y_cols},
                  .key_weights = std::move(read.key_weights),
                  .origins = parsed_origins(read.x_origin, file),
                  .group = std::move(read.group),
                  .groups = std::move(read.groups)};
    model.w = std::move(read.w);
    model.group_w = std::move(read.group_w);
    model.smoothing = {read.kernel, read.order, read.empty};
    model.precision = read.in_double ? Precision::double_ : Precision::float_;
    model.loss = read.loss;
    model.leave_one_out = read.leave_one_out;
    model.loss_before = read.loss_before;
    model.loss_after = read.loss_after;
    model.stop = std::move(read.stop);
    return model;
  } catch (const ModelError& error) {
    throw DataError(printable(error.what()));
  }
}

Model read_model(const std::string& path) {
  Input input(path);
  std::string text(input.bytes_left(), '\0');
  text.resize(input.read(text.data(), text.size()));
  return model_from_json(text, input.name());
}

}  // namespace attnpool::program
