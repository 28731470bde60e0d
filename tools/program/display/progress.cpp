#include "display/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/errors.hpp"
#include "base/interrupt.hpp"

namespace attnpool::program {
namespace {

constexpr auto grace = std::chrono::milliseconds(1000);
constexpr auto between_bars = std::chrono::milliseconds(100);
constexpr auto between_lines = std::chrono::seconds(5);

bool has_bar_terminal() {
  const char* terminal = std::getenv("TERM");
  return isatty(STDERR_FILENO) && terminal && std::string_view(terminal) != "dumb";
}

bool wants_color() {
  const char* no_color = std::getenv("NO_COLOR");
  return !no_color || *no_color == '\0';
}

int terminal_width() {
  struct winsize size = {};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string duration(double seconds) {
  const long whole = std::lround(seconds);
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

}  // namespace

ProgressDisplay::ProgressDisplay(std::string title, bool quiet)
    : title_(std::move(title)),
      quiet_(quiet),
      terminal_(has_bar_terminal()),
      color_(wants_color()),
      next_(start_ + grace) {}

ProgressDisplay::~ProgressDisplay() {
  if (bar_drawn_) std::fputs("\r\033[K", stderr);
}

bool ProgressDisplay::update(double fraction, const std::string& detail) {
  if (interrupted()) return false;
  const auto now = Clock::now();
  if (quiet_ || now < next_) return true;
  next_ = now + (terminal_ ? Clock::duration(between_bars) : Clock::duration(between_lines));
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  std::string text = std::to_string(static_cast<int>(fraction * 100)) + "%";
  if (!detail.empty()) text += ", " + detail;
  if (fraction > 0.01) text += ", about " + duration(elapsed * (1 - fraction) / fraction) + " left";
  if (terminal_) {
    draw_bar(fraction, text);
  } else {
    print_status(title_ + ": " + text);
  }
  return true;
}

void ProgressDisplay::draw_bar(double fraction, const std::string& text) {
  const int room = terminal_width() - static_cast<int>(title_.size() + text.size()) - 5;
  std::string line = "\r" + title_ + " ";
  if (room >= 10) {
    const int width = std::min(room, 40), full = static_cast<int>(std::lround(fraction * width));
    line += "[" + std::string(color_ ? "\033[32m" : "");
    line.append(static_cast<std::size_t>(full), '#');
    line += color_ ? "\033[0m" : "";
    line.append(static_cast<std::size_t>(width - full), '-');
    line += "] ";
  }
  line += text.substr(0, static_cast<std::size_t>(std::max(0, terminal_width() - static_cast<int>(title_.size()) - 2)));
  std::fputs((line + "\033[K").c_str(), stderr);
  std::fflush(stderr);
  bar_drawn_ = true;
}

void print_status(const std::string& line) { std::fputs(("attnpool: " + printable(line) + "\n").c_str(), stderr); }

}  // namespace attnpool::program
