#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>

#include "base/errors.hpp"
#include "io/model.hpp"
#include "scratch.hpp"

namespace attnpool::program::test {
namespace {

Model example() {
  Model model;
  model.data = {{"times", "odd \"name\", \xc3\xa9"},
                {"y"},
                {{1, 0.1, DBL_MIN, -0.0, 1.0 / 3, DBL_MAX}, 2},
                {{1, -2.5, 1e-300}, 1}};
  model.w = {0.1, 2.0 / 3};
  model.loss_before = 2;
  model.loss_after = 0.3;
  model.stop = "epochs";
  return model;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t place = text.find(from);
  EXPECT_NE(place, text.npos) << from;
  return text.replace(place, from.size(), to);
}

std::string complaint_about(const std::string& text) {
  return message_of([&] { model_from_json(text, "m.json"); });
}

TEST(Model, ReadsBackToTheSameBits) {
  for (const Precision precision : {Precision::float_, Precision::double_}) {
    Model model = example();
    model.precision = precision;
    model.loss = precision == Precision::float_ ? Loss::half_sum : Loss::mean;
    if (precision == Precision::float_) model.data.key_weights = {0, 0.1, DBL_MAX};
    model.loss_before = std::numeric_limits<double>::quiet_NaN();  // cancelled before the first epoch
    const Model back = model_from_json(to_json(model), "m.json");
    EXPECT_EQ(back.data.x, model.data.x);
    EXPECT_EQ(back.data.y, model.data.y);
    EXPECT_EQ(back.data.keys.cells, model.data.keys.cells);
    EXPECT_TRUE(std::signbit(back.data.keys.cells[3]));
    EXPECT_EQ(back.data.keys.rows, 3U);
    EXPECT_EQ(back.data.values.cells, model.data.values.cells);
    EXPECT_EQ(back.data.key_weights, model.data.key_weights);
    EXPECT_EQ(back.w, model.w);
    EXPECT_EQ(back.precision, model.precision);
    EXPECT_EQ(back.loss, model.loss);
    EXPECT_TRUE(std::isnan(back.loss_before));
    EXPECT_EQ(back.loss_after, 0.3);
    EXPECT_EQ(to_json(back), to_json(model));
  }
}

TEST(Model, EveryTruncationIsSeen) {
  const std::string text = to_json(example());
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {  // the last two bytes are "}\n"
    ASSERT_EQ(complaint_about(text.substr(0, size)), "m.json: not a model: truncated, or not JSON") << size;
  }
}

TEST(Model, ChangedNumbersAreSeen) {
  const std::string text = to_json(example()),
                    damaged = "m.json: the checksum does not agree; the model was damaged or edited";
  EXPECT_EQ(complaint_about(replaced(text, "\"w\": [0.1,", "\"w\": [0.2,")), damaged);
  EXPECT_EQ(complaint_about(replaced(text, "-2.5", "2.5")), damaged);
  EXPECT_EQ(complaint_about(replaced(text, "times", "Times")), damaged);
  EXPECT_EQ(complaint_about(replaced(text, "\"double\"", "\"float\"")), damaged);
  EXPECT_EQ(complaint_about(replaced(text, "fnv1a64:", "fnv1a64:f")), damaged);
}

TEST(Model, KeyWeightsAreChecked) {
  Model model = example();
  model.data.key_weights = {1, 0, 0.5};
  const std::string text = to_json(model), whole = "\"key_weights\": [1.0,0.0,0.5]";
  const auto with = [&](const std::string& weights) {
    return complaint_about(replaced(text, whole, "\"key_weights\": " + weights));
  };
  EXPECT_EQ(with("[1.0,0.0,0.25]"), "m.json: the checksum does not agree; the model was damaged or edited");
  EXPECT_EQ(with("[1.0,0.5]"), "m.json: 'key_weights' has 2 numbers; 'rows' and the names ask for 3 x 1");
  EXPECT_EQ(with("[1.0,-0.5,0.5]"), "m.json: row 1 (from 0) has the key weight -0.5; none may be below 0");
  EXPECT_EQ(with("[0,0,0]"), "m.json: every key weight is 0");
  EXPECT_EQ(with("[1.0,null,0.5]"), "m.json: 'key_weights' holds something that is not a finite number");
  EXPECT_EQ(complaint_about(replaced(text, whole + ",\n  ", "")),
            "m.json: the checksum does not agree; the model was damaged or edited");
}

TEST(Model, OtherSmoothingIsFormatVersion2) {
  EXPECT_NE(to_json(example()).find("\"format_version\": 1,"), std::string::npos);
  for (const Smoothing& smoothing : {Smoothing{{KernelShape::tricube}, 1, Empty::nearest},
                                     Smoothing{{KernelShape::rational_quadratic, 0.5, true}, 0, Empty::nan},
                                     Smoothing{{}, 1, Empty::nan}, Smoothing{{}, 0, Empty::error}}) {
    Model model = example();
    model.smoothing = smoothing;
    const std::string text = to_json(model);
    EXPECT_NE(text.find("\"format_version\": 2,"), std::string::npos);
    const Model back = model_from_json(text, "m.json");
    EXPECT_EQ(back.smoothing.kernel, smoothing.kernel);
    EXPECT_EQ(back.smoothing.order, smoothing.order);
    EXPECT_EQ(back.smoothing.empty, smoothing.empty);
    EXPECT_EQ(to_json(back), text);
  }
}

TEST(Model, SmoothingIsChecked) {
  Model model = example();
  model.smoothing = {{KernelShape::rational_quadratic, 0.5, true}, 1, Empty::mean};
  const std::string text = to_json(model);
  const auto with = [&](const std::string& from, const std::string& to) {
    return complaint_about(replaced(text, from, to));
  };
  const std::string damaged = "m.json: the checksum does not agree; the model was damaged or edited";
  EXPECT_EQ(with("\"rational_quadratic\"", "\"knitted\""), "m.json: 'kernel' has an unknown value, 'knitted'");
  EXPECT_EQ(with("\"rational_quadratic\"", "1"), "m.json: 'kernel' is not a string");
  EXPECT_EQ(with("\"rational_quadratic\"", "\"laplace\""), damaged);
  EXPECT_EQ(with("\"alpha\": 0.5", "\"alpha\": 0"), "m.json: 'alpha' is 0, not above 0 and at most 1000");
  EXPECT_EQ(with("\"alpha\": 0.5", "\"alpha\": 1001"), "m.json: 'alpha' is 1001, not above 0 and at most 1000");
  EXPECT_EQ(with("\"alpha\": 0.5", "\"alpha\": null"), "m.json: 'alpha' holds something that is not a finite number");
  EXPECT_EQ(with("\"alpha\": 0.5", "\"alpha\": 2"), damaged);
  EXPECT_EQ(with("\"product\": true", "\"product\": 1"), "m.json: 'product' is not true or false");
  EXPECT_EQ(with("\"product\": true", "\"product\": false"), damaged);
  EXPECT_EQ(with("\"order\": 1", "\"order\": 3"), "m.json: 'order' is 3, not 0, 1 or 2");
  EXPECT_EQ(with("\"order\": 1", "\"order\": 2"), "m.json: 'order' is 2, which serves at most 1 x column, not 2");
  EXPECT_EQ(with("\"order\": 1", "\"order\": 0"), damaged);
  EXPECT_EQ(with("\"empty\": \"mean\"", "\"empty\": \"none\""), "m.json: 'empty' has an unknown value, 'none'");
  EXPECT_EQ(with("\"empty\": \"mean\"", "\"empty\": \"nan\""), damaged);
  EXPECT_EQ(with("\"format_version\": 2", "\"format_version\": 1"), "m.json: 'kernel' is not of format version 1");
}

TEST(Model, ForeignAndBrokenFilesAreRefused) {
  const std::string text = to_json(example());
  EXPECT_EQ(complaint_about(""), "m.json: not a model: truncated, or not JSON");
  EXPECT_EQ(complaint_about("x,y\n1,2\n"), "m.json: not a model: truncated, or not JSON");
  for (const char* foreign :
       {"{}", "[]", "1", "null", "\"attnpool-model\"", "{\"format\": 1}", "{\"format\": \"other\"}"}) {
    EXPECT_EQ(complaint_about(foreign), "m.json: not a model: JSON of something else") << foreign;
  }
  EXPECT_EQ(complaint_about(replaced(text, "\"format_version\": 1", "\"format_version\": 3")),
            "m.json: model format version 3; this program reads versions 1 and 2");
  EXPECT_EQ(complaint_about(replaced(text, "\"w\"", "\"v\"")), "m.json: the model has no 'w'");
  EXPECT_EQ(complaint_about(replaced(text, "\"w\": [0.1,", "\"w\": [\"0.1\",")),
            "m.json: 'w' holds something that is not a finite number");
  EXPECT_EQ(complaint_about(replaced(text, "\"w\": [0.1,", "\"w\": [0.1,1,1,")),
            "m.json: 'w' has 4 numbers for 2 x columns");
  EXPECT_EQ(complaint_about(replaced(text, "\"rows\": 3", "\"rows\": 4")),
            "m.json: 'keys' has 6 numbers; 'rows' and the names ask for 4 x 2");
  EXPECT_EQ(complaint_about(replaced(text, "\"rows\": 3", "\"rows\": -3")),
            "m.json: 'rows' is not a whole number above 0");
  EXPECT_EQ(complaint_about(replaced(text, "\"rows\": 3", "\"rows\": 18446744073709551615")),
            "m.json: 'keys' has 6 numbers; 'rows' and the names ask for 18446744073709551615 x 2");
  EXPECT_EQ(complaint_about(replaced(text, "\"y\": [\"y\"]", "\"y\": []")), "m.json: 'y' is empty");
  EXPECT_EQ(complaint_about(replaced(text, "\"y\": [\"y\"]", "\"y\": [1]")), "m.json: 'y' is not an array of names");
  EXPECT_EQ(complaint_about(replaced(text, "\"double\"", "\"half\"")),
            "m.json: 'precision' has an unknown value, 'half'");
  EXPECT_EQ(complaint_about(replaced(text, "-2.5", "null")),
            "m.json: 'values' holds something that is not a finite number");
  EXPECT_EQ(complaint_about(replaced(text, "-2.5", "1e999")), "m.json: not a model: truncated, or not JSON");
}

TEST(Model, NamesMustBeUtf8) {
  Model model = example();
  EXPECT_NO_THROW(check_names(model.data));
  model.data.y = {"caf\xe9"};
  EXPECT_EQ(message_of([&] { check_names(model.data); }), "the name 'caf\xe9' is not UTF-8; a model cannot hold it");
}

TEST(Model, TheLibraryReadsWhatTheProgramWritesAndPredictsFromIt) {
  const Scratch scratch;
  const std::string path = scratch.file("m.json", to_json(example()));
  attnpool::Model model = load_model(path);
  EXPECT_EQ(model.x, example().data.x);
  EXPECT_EQ(model.keys, example().data.keys.cells);
  model.keys = {0, 0, 1, 1, 2, 0.5};
  model.w = {2, 0.5};
  save_model(model, path);
  const attnpool::Model back = load_model(path);
  EXPECT_EQ(model_to_json(back), model_to_json(model));
  const std::vector<double> queries = {0.5, 0.25, 1, -3};
  std::vector<double> got(2), want(2);
  predict(back, {queries.data(), 2, 2}, MatrixView<double>(got.data(), 2, 1));
  pool<double>({queries.data(), 2, 2}, {model.keys.data(), 3, 2}, {model.values.data(), 3, 1}, Gaussian(model.w),
               MatrixView<double>(want.data(), 2, 1));
  EXPECT_EQ(got, want);
  model.kernel = KernelShape::laplace;
  model.order = 1;
  predict(model, {queries.data(), 2, 2}, MatrixView<double>(got.data(), 2, 1));
  Options lines;
  lines.order = 1;
  pool<double>({queries.data(), 2, 2}, {model.keys.data(), 3, 2}, {model.values.data(), 3, 1},
               Kernel(KernelShape::laplace, model.w), MatrixView<double>(want.data(), 2, 1), lines);
  EXPECT_EQ(got[0], want[0]);
  EXPECT_THROW(predict(model, {queries.data(), 2, 2}, MatrixView<double>(got.data(), 2, 1), lines),
               std::invalid_argument);
  EXPECT_THROW(load_model(path + ".none"), ModelError);
  EXPECT_THROW(save_model(model, path + "/none/m.json"), ModelError);
}

}  // namespace
}  // namespace attnpool::program::test
