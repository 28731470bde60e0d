#include <gtest/gtest.h>

#include "io/csv.hpp"
#include "io/table.hpp"
#include "scratch.hpp"

namespace attnpool::program::test {
namespace {

using Records = std::vector<std::vector<std::string>>;

Records records_of(const std::string& text) {
  const Scratch scratch;
  Input input(scratch.file("a.csv", text));
  CsvReader reader(input);
  Records records;
  std::vector<std::string> fields;
  while (reader.next(fields)) records.push_back(fields);
  return records;
}

std::string complaint_about(const std::string& text, const std::vector<std::string>& columns) {
  const Scratch scratch;
  const std::string path = scratch.file("a.csv", text);
  const std::string message = message_of([&] { read_columns(path, columns); });
  return message.starts_with(path) ? message.substr(path.size()) : message;
}

TEST(Csv, Fields) {
  EXPECT_EQ(records_of("a,b\n1,2\n"), (Records{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(records_of("a,b\n1,2"), (Records{{"a", "b"}, {"1", "2"}}));
  EXPECT_EQ(records_of("a\tb\n1,5\t2\n"), (Records{{"a", "b"}, {"1,5", "2"}}));
  EXPECT_EQ(records_of("a,,\n,,1\n"), (Records{{"a", "", ""}, {"", "", "1"}}));
  EXPECT_EQ(records_of("a b\n1\n"), (Records{{"a b"}, {"1"}}));
  EXPECT_EQ(records_of(""), Records{});
  EXPECT_EQ(records_of("\n\n"), Records{});
}

TEST(Csv, LineEndingsAndByteOrderMark) {
  const Records expected = {{"a", "b"}, {"1", "2"}, {"3", "4"}};
  EXPECT_EQ(records_of("a,b\r\n1,2\r\n3,4\r\n"), expected);
  EXPECT_EQ(records_of("a,b\r1,2\r3,4\r"), expected);
  EXPECT_EQ(records_of("\xef\xbb\xbf"
                       "a,b\n1,2\n3,4\n\n\r\n\n"),
            expected);
}

TEST(Csv, Quotes) {
  EXPECT_EQ(records_of("\"a,1\",\"b \"\"c\"\"\"\n\"1\r\n2\",3\n"), (Records{{"a,1", "b \"c\""}, {"1\r\n2", "3"}}));
  EXPECT_EQ(records_of("\"a\tb\",c\n"), (Records{{"a\tb", "c"}}));
  EXPECT_EQ(records_of("a,5\" pipe\n"), (Records{{"a", "5\" pipe"}}));
  EXPECT_EQ(records_of("a,\"\"\n"), (Records{{"a", ""}}));
}

TEST(Csv, WrittenNamesReadBack) {
  const std::vector<std::string> names = {"plain", "with, comma", "with \"quotes\"", "two\nlines", "", "tab\t"};
  EXPECT_EQ(records_of(csv_header(names)), Records{names});
}

TEST(Csv, LinesAreCountedAcrossQuotesAndBuffers) {
  std::string text = "\"x\ny\",z\n";
  for (int i = 0; i < 30000; ++i) text += "1,2\r\n";
  EXPECT_EQ(complaint_about(text + "1,oops\n", {"z"}), ":30003: column 'z': 'oops' is not a number");
}

TEST(Csv, ComplaintsSayWhere) {
  EXPECT_EQ(complaint_about("", {"x"}), ": the file is empty");
  EXPECT_EQ(complaint_about("\xef\xbb\xbf", {"x"}), ": the file is empty");
  EXPECT_EQ(complaint_about("x,y\n", {"x"}), ": a header and no rows");
  EXPECT_EQ(complaint_about("x,y\n1,2\n", {"z"}), ":1: no column 'z'; there are 'x', 'y'");
  EXPECT_EQ(complaint_about("x,x\n1,2\n", {"x"}), ":1: two columns are called 'x'");
  EXPECT_EQ(complaint_about("x,y\n1,2\n1\n", {"x"}), ":3: 1 field; the header has 2");
  EXPECT_EQ(complaint_about("x,y\n1,2,3\n", {"x"}), ":2: 3 fields; the header has 2");
  EXPECT_EQ(complaint_about("x,y\n1,2\n\n3,4\n", {"x"}), ":3: an empty line");
  EXPECT_EQ(complaint_about("x,y\n1,\n", {"y"}), ":2: column 'y': '' is empty (--missing skip leaves such rows out)");
  EXPECT_EQ(complaint_about("x,y\n1,nan\n", {"y"}),
            ":2: column 'y': 'nan' is a missing value (--missing skip leaves such rows out)");
  EXPECT_EQ(complaint_about("x,y\n1,1e999\n", {"y"}), ":2: column 'y': '1e999' is out of the range of a double");
  EXPECT_EQ(complaint_about("x,y\n1,\"2\n3,4\n", {"y"}), ":2: a quote is opened and not closed");
  EXPECT_EQ(complaint_about("x,y\n1,\"2\"3\n", {"y"}), ":2: text after a closing quote");
  EXPECT_EQ(complaint_about(std::string("x,y\n1,\0\n", 8), {"y"}), ":2: a NUL byte; this is not a text file");
}

TEST(Csv, OtherColumnsMayHoldAnything) {
  const Scratch scratch;
  const auto cells = read_columns(scratch.file("a.csv", "x,name,y\n1,Anna,2\n3,nan,4\n"), {"y", "x"}).cells;
  EXPECT_EQ(cells, (std::vector<double>{2, 1, 4, 3}));
}

}  // namespace
}  // namespace attnpool::program::test
