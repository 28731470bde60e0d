#pragma once
// The one place that holds the version; CMake, the package files and attnpool.h (C) read it from here.

#define ATTNPOOL_VERSION_MAJOR 0
#define ATTNPOOL_VERSION_MINOR 2
#define ATTNPOOL_VERSION_PATCH 0
#define ATTNPOOL_VERSION (ATTNPOOL_VERSION_MAJOR * 10000 + ATTNPOOL_VERSION_MINOR * 100 + ATTNPOOL_VERSION_PATCH)

#ifdef __cplusplus
namespace attnpool {

/// Version of the linked library, "major.minor.patch"; compare with the macros to find a header/library mismatch.
const char* version() noexcept;

}  // namespace attnpool
#endif
