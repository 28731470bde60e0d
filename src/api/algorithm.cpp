#include <attnpool/plan.hpp>

namespace attnpool {

const char* name(Plan plan) noexcept {
  switch (plan) {
    case Plan::automatic:
      return "automatic";
    case Plan::dense:
      return "dense";
    case Plan::pruned:
      return "pruned";
    case Plan::grid:
      return "grid";
  }
  return "unknown";
}

}  // namespace attnpool
