#include <gtest/gtest.h>

#include <algorithm>
#include <attnpool/attnpool.hpp>
#include <cmath>

#include "io/dataset.hpp"
#include "scratch.hpp"

namespace attnpool::program::test {
namespace {

/// What `attnpool predict` writes for the motorcycle data with bandwidth 1.5, read back.
Matrix<double> predicted(const Scratch& scratch, Isa isa, const std::string& options) {
  std::string csv = "times,accel\n";
  const Data data = motorcycle_data();
  for (std::size_t i = 0; i < data.keys.rows; ++i)
    csv += to_text(data.keys.cells[i]) + "," + to_text(data.values.cells[i]) + "\n";
  const std::string in = scratch.file("mcycle.csv", csv), out = scratch.path("out.csv");
  const std::string command = std::string("ATTNPOOL_ISA=") + to_string(isa) +
                              " '" ATTNPOOL_PROGRAM "' predict --data '" + in +
                              "' --x times --y accel --bandwidth 1.5 --out '" + out + "' " + options;
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  return read_columns(out, {"times", "accel"});
}

TEST(Predict, MotorcycleAgreesWithTheReferenceOnEveryIsa) {
  const Data data = motorcycle_data();
  const auto [low, high] = std::minmax_element(data.values.cells.begin(), data.values.cells.end());
  for (const Isa isa : supported_isas()) {
    for (const bool leave_one_out : {false, true}) {
      for (const std::string precision : {"float", "double"}) {
        const Scratch scratch;
        const Matrix<double> rows =
            predicted(scratch, isa, (leave_one_out ? "--leave-one-out" : "--grid 500") + (" --precision " + precision));
        ASSERT_EQ(rows.rows, leave_one_out ? 133U : 500U);
        Matrix<double> queries(rows.rows, 1), expected(rows.rows, 1);
        for (std::size_t i = 0; i < rows.rows; ++i) queries.cells[i] = rows(i, 0);
        Options options;
        if (leave_one_out) options.range = KeyRange::all_but_self();
        reference::pool<double>(queries.view(), data.keys.view(), data.values.view(), Gaussian::from_bandwidth(1.5),
                                expected.view(), options);
        double worst = 0;
        for (std::size_t i = 0; i < rows.rows; ++i) worst = std::max(worst, std::abs(rows(i, 1) - expected(i, 0)));
        EXPECT_LE(worst / (*high - *low), precision == "float" ? 1e-6 : 1e-12) << to_string(isa) << ' ' << precision;
        std::printf("[ %-8s ] %-6s %-13s worst difference %.1e of the range\n", to_string(isa), precision.c_str(),
                    leave_one_out ? "leave-one-out" : "grid", worst / (*high - *low));
      }
    }
  }
}

}  // namespace
}  // namespace attnpool::program::test
