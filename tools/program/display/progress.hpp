#pragma once
#include <chrono>
#include <string>

namespace attnpool::program {

/// How far long work has come, on standard error: a bar on a terminal (plain if NO_COLOR is set), otherwise a line
/// every few seconds. Work that ends within a second says nothing.
class ProgressDisplay {
 public:
  /// With quiet nothing is ever shown.
  ProgressDisplay(std::string title, bool quiet);
  /// Removes the bar.
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  /// Fraction of the work done, in [0, 1], and what else is worth saying. False once a signal has asked us to stop, so
  /// it can be what a progress callback returns.
  bool update(double fraction, const std::string& detail = "");

 private:
  using Clock = std::chrono::steady_clock;

  void draw_bar(double fraction, const std::string& text);

  std::string title_;
  bool quiet_, terminal_, color_;
  bool bar_drawn_ = false;
  Clock::time_point start_ = Clock::now(), next_;
};

/// One line on standard error.
void print_status(const std::string& line);

}  // namespace attnpool::program
