#include <attnpool/version.hpp>

#define ATTNPOOL_STRING_(x) #x
#define ATTNPOOL_STRING(x) ATTNPOOL_STRING_(x)

namespace attnpool {

const char* version() noexcept {
  return ATTNPOOL_STRING(ATTNPOOL_VERSION_MAJOR) "." ATTNPOOL_STRING(ATTNPOOL_VERSION_MINOR) "." ATTNPOOL_STRING(
      ATTNPOOL_VERSION_PATCH);
}

}  // namespace attnpool
