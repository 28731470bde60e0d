// attnpool_bench --plans.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "plan_runs.hpp"
#include "plans.hpp"
#include "report.hpp"

namespace bench {
namespace plans {
namespace {

struct Curve {
  std::string name;
  std::vector<std::pair<double, double>> points = {};  // n, seconds
  bool ended = false;
};

/// log-log interpolation, at n within the curve.
double at(const Curve& c, double n) {
  for (std::size_t i = 1; i < c.points.size(); ++i)
    if (n <= c.points[i].first) {
      const auto [n0, s0] = c.points[i - 1];
      const auto [n1, s1] = c.points[i];
      return s0 * std::pow(s1 / s0, std::log(n / n0) / std::log(n1 / n0));
    }
  return infinite;
}

/// The smallest n from which `fast` stays below `slow`, as far as both go; 0: from the start; infinite: never.
double meeting(const Curve& fast, const Curve& slow) {
  const double last = std::min(fast.points.back().first, slow.points.back().first);
  double n = last;
  const double step = std::pow(10, 0.01), first = fast.points.front().first;
  if (at(fast, last) >= at(slow, last)) return infinite;
  while (n > first && at(fast, n) < at(slow, n)) n /= step;
  return n <= first ? 0 : n;
}

// One for each curve that has not ended: the plans, the choice between them, the peers.
std::vector<Run> runs_of(Problem<double>& p, const Pool<double>& raw, const std::vector<Curve>& curves,
                         const std::vector<Implementation>& others, double tolerance, const Options& options) {
  std::vector<Run> runs(curves.size());
  for (std::size_t i = 0; i < curves.size(); ++i) {
    if (curves[i].ended) continue;
    if (i <= algorithms.size()) {
      const Algorithm algorithm = i < algorithms.size() ? algorithms[i] : Algorithm::automatic;
      runs[i].run = [&p, &options, tolerance, algorithm] {
        attnpool::pool<double>(p.queries, p.keys, p.values, p.score, p.out,
                               {.algorithm = algorithm, .tolerance = tolerance, .threads = options.threads});
      };
    } else {
      const Implementation& peer = others[i - algorithms.size() - 1];
      runs[i].elsewhere = peer.elsewhere;
      runs[i].run = [&peer, &raw] { peer.f64.pool(raw); };
    }
  }
  return runs;
}

void print_meetings(const std::vector<Curve>& curves) {
  for (std::size_t i = 1; i < curves.size(); ++i) {
    const double n = meeting(curves[i], curves[0]);
    std::printf("  %s %s", curves[i].name.c_str(),
                n == 0             ? "is quicker than dense throughout\n"
                : std::isfinite(n) ? "is quicker than dense from n = "
                                   : "is never quicker than dense\n");
    if (n > 0 && std::isfinite(n)) std::printf("%.2g\n", n);
  }
}

nlohmann::json run_curves(std::size_t dims, const Options& options, double tolerance) {
  const double bandwidth = 0.02, w = 1 / (bandwidth * range);
  std::vector<Curve> curves = {{"attnpool dense"}, {"attnpool pruned"}, {"attnpool grid"}, {"attnpool automatic"}};
  std::vector<Implementation> others;
  for (const Implementation& peer : peers())
    if (peer.name == std::string("libmvec loop") || (peer.elsewhere && dims == 1)) {
      others.push_back(peer);
      curves.push_back({peer.name});
    }
  std::printf("\n%zu dimension%s, double, n keys and n queries uniform, bandwidth %g of the range, tolerance %g\n%10s",
              dims, dims == 1 ? "" : "s", bandwidth, tolerance, "n");
  for (const Curve& curve : curves) std::printf(" %20s", curve.name.c_str());
  std::printf("\n");
  nlohmann::json list = nlohmann::json::array();
  for (const std::size_t n : {100, 300, 1000, 3000, 10000, 30000, 100000, 300000, 1000000}) {
    Problem<double> p({Layout::uniform, true, dims, n, n, bandwidth});
    const Pool<double> raw = p.raw(w, options.threads);
    std::vector<Run> runs = runs_of(p, raw, curves, others, tolerance, options);
    measure(runs, options);
    std::printf("%10zu", n);
    for (std::size_t i = 0; i < curves.size(); ++i) {
      std::printf(" %20s", cell(runs[i], options.cap).c_str());
      if (curves[i].ended) continue;
      auto& points = curves[i].points;
      points.push_back({static_cast<double>(n), runs[i].seconds});
      list.push_back({{"dims", dims},
                      {"n", n},
                      {"implementation", curves[i].name},
                      {"seconds", runs[i].seconds},
                      {"bandwidth", bandwidth},
                      {"tolerance", tolerance},
                      {"isa", options.isa},
                      {"threads", options.threads},
                      {"cpu", cpu_model()},
                      {"date", date()}});
      // The next n takes as much longer as this one did than the last, or as all pairs do.
      const double growth = points.size() < 2 ? 12 : points.back().second / points[points.size() - 2].second;
      curves[i].ended = runs[i].seconds * std::clamp(growth, 3.0, 12.0) > options.cap;
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  print_meetings(curves);
  return list;
}

}  // namespace
}  // namespace plans

int crossover(int argc, char** argv) try {
  using namespace plans;
  Options options;
  options.threads = 2;
  CLI::App app("Times every plan and peer against n, in one and two dimensions.", "attnpool_bench --plans");
  if (const auto code = options.parse(app, argc, argv)) return *code;
  const attnpool::ScopedIsa scope(attnpool::from_string<attnpool::Isa>(options.isa.c_str()));
  JsonFile file(options.json);
  nlohmann::json list = run_curves(1, options, 1e-9);
  for (const auto& row : run_curves(2, options, 1e-6)) list.push_back(row);
  file.write(list);
  return 0;
} catch (const std::exception& error) {
  return plans::fail(error);
}

}  // namespace bench
