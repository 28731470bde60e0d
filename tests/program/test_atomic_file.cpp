#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "base/errors.hpp"
#include "base/interrupt.hpp"
#include "io/atomic_file.hpp"
#include "scratch.hpp"

namespace attnpool::program::test {
namespace {

TEST(AtomicFile, AppearsOnCommitOnly) {
  const Scratch scratch;
  {
    AtomicFile file(scratch.path("a"));
    file.write(std::string(1 << 20, 'x'));  // more than is held back
    EXPECT_FALSE(std::filesystem::exists(scratch.path("a")));
    file.commit();
  }
  EXPECT_EQ(content(scratch.path("a")), std::string(1 << 20, 'x'));
  EXPECT_EQ(scratch.file_count(), 1U);
}

TEST(AtomicFile, LeavesTheOldFileWithoutCommit) {
  const Scratch scratch;
  const std::string path = scratch.file("a", "old");
  { AtomicFile(path).write("new"); }
  EXPECT_EQ(content(path), "old");
  EXPECT_EQ(scratch.file_count(), 1U);
}

TEST(AtomicFile, KeepsPermissionsAndLinks) {
  const Scratch scratch;
  const std::string path = scratch.file("a", "old"), link = scratch.path("link");
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  std::filesystem::create_symlink("a", link);
  write_file(link, "new");
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(content(path), "new");
  struct stat status = {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640U);
}

TEST(AtomicFile, DevicesAreWrittenAndNotReplaced) {
  write_file("/dev/null", "text");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_EQ(message_of([] { write_file("/dev/full", "text"); }), "cannot write /dev/full: No space left on device");
}

TEST(AtomicFile, SaysWhyNot) {
  const Scratch scratch;
  const std::string directory = scratch.path(""), missing = scratch.path("none/a");
  EXPECT_EQ(message_of([&] { AtomicFile file(directory); }), "cannot write " + directory + ": Is a directory");
  EXPECT_EQ(message_of([&] { AtomicFile file(missing); }), "cannot write " + missing + ": No such file or directory");
  EXPECT_EQ(message_of([&] { require_writable(missing); }), "cannot write " + missing + ": No such file or directory");
  EXPECT_EQ(message_of([&] { AtomicFile file(""); }), "cannot write : no name");
}

TEST(AtomicFile, ProbeLeavesNothing) {
  const Scratch scratch;
  require_writable(scratch.path("a"));
  EXPECT_EQ(scratch.file_count(), 0U);
}

TEST(AtomicFile, ASignalBeforeAWriteThatWouldWaitForever) {
  EXPECT_EXIT(
      {
        int ends[2];
        if (pipe(ends) != 0) _exit(1);
        watch_signals();
        alarm(20);
        AtomicFile file("/proc/self/fd/" + std::to_string(ends[1]));
        raise(SIGTERM);
        try {
          file.write(std::string(1 << 20, 'a'));  // more than a pipe holds, and nobody reads
        } catch (const CancelledByUser&) {
          _exit(5);
        }
        _exit(1);
      },
      ::testing::ExitedWithCode(5), "");
}

}  // namespace
}  // namespace attnpool::program::test
