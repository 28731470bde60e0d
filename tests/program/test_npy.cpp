#include <gtest/gtest.h>

#include <cstdint>

#include "io/npy.hpp"
#include "io/table.hpp"
#include "scratch.hpp"

namespace attnpool::program::test {
namespace {

const std::vector<std::string> both = {"0", "1"};

/// A file as NumPy writes it: version 1, 2 or 3, this dictionary, these bytes.
std::string npy(const std::string& dictionary, const std::string& cells, char version = 1) {
  std::string file(npy_magic);
  file += {version, '\0', static_cast<char>(dictionary.size()), static_cast<char>(dictionary.size() >> 8)};
  if (version > 1) file += std::string(2, '\0');
  return file + dictionary + cells;
}

std::string dictionary(const std::string& dtype, const std::string& shape, bool column_major = false) {
  return "{'descr': '" + dtype + "', 'fortran_order': " + (column_major ? "True" : "False") + ", 'shape': " + shape +
         ", }\n";
}

template <class T>
std::string bytes(const std::vector<T>& cells) {
  return std::string(npy_bytes(cells));
}

std::vector<double> read(const std::string& file, const std::vector<std::string>& columns) {
  const Scratch scratch;
  return read_columns(scratch.file("a.npy", file), columns).cells;
}

std::string complaint_about(const std::string& file) {
  const Scratch scratch;
  const std::string path = scratch.file("a.npy", file);
  const std::string message = message_of([&] { read_columns(path, both); });
  return message.starts_with(path + ": ") ? message.substr(path.size() + 2) : message;
}

template <class T>
void check_type(const std::string& dtype) {
  const std::vector<double> expected = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(read(npy(dictionary(dtype, "(3, 2)"), bytes<T>({1, 2, 3, 4, 5, 6})), both), expected) << dtype;
}

TEST(Npy, Types) {
  check_type<double>("<f8");
  check_type<float>("<f4");
  check_type<std::int8_t>("|i1");
  check_type<std::int16_t>("<i2");
  check_type<std::int32_t>("<i4");
  check_type<std::int64_t>("<i8");
  check_type<std::uint8_t>("|u1");
  check_type<std::uint16_t>("<u2");
  check_type<std::uint32_t>("<u4");
  check_type<std::uint64_t>("<u8");
  EXPECT_EQ(read(npy(dictionary("|b1", "(1, 2)"), std::string("\1\0", 2)), both), (std::vector<double>{1, 0}));
  EXPECT_EQ(read(npy(dictionary("<i2", "(1, 2)"), bytes<std::int16_t>({-7, 300})), both),
            (std::vector<double>{-7, 300}));
}

TEST(Npy, OrderVersionAndShape) {
  const std::string cells = bytes<double>({1, 2, 3, 4, 5, 6});
  EXPECT_EQ(read(npy(dictionary("<f8", "(3, 2)", true), cells), both), (std::vector<double>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(read(npy(dictionary("<f8", "(3, 2)"), cells, 2), both), (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(read(npy(dictionary("<f8", "(3, 2)"), cells, 3), both), (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(read(npy(dictionary("<f8", "(6,)"), cells), {"0"}), (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(read(npy(dictionary("<f8", "(2, 3)"), cells), {"2", "0"}), (std::vector<double>{3, 1, 6, 4}));
  EXPECT_EQ(read(npy("{\"shape\":(3L,2L),\"fortran_order\":False,\"descr\":\"<f8\"}", cells), both),
            (std::vector<double>{1, 2, 3, 4, 5, 6}));
}

TEST(Npy, WrittenFilesReadBack) {
  for (const std::size_t rows : {1, 7, 123456}) {
    std::vector<double> cells(2 * rows);
    for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = 1 / (1.0 + static_cast<double>(i));
    const std::string header = npy_header<double>(rows, 2);
    EXPECT_EQ(header.size() % 64, 0U);
    EXPECT_EQ(read(header + bytes(cells), both), cells);
  }
  const std::vector<float> narrow = {0.1F, 0.2F};
  EXPECT_EQ(read(npy_header<float>(1, 2) + bytes(narrow), both), (std::vector<double>{0.1F, 0.2F}));
}

TEST(Npy, ComplaintsSayWhat) {
  const std::string cells = bytes<double>({1, 2, 3, 4});
  EXPECT_EQ(complaint_about("hello"), "not an NPY file");
  EXPECT_EQ(complaint_about(std::string(npy_magic)), "the file ends inside its NPY header");
  EXPECT_EQ(complaint_about(npy("", "", 9)), "NPY version 9 is not known");
  EXPECT_EQ(complaint_about(npy(dictionary("<f8", "(2, 2)"), cells).substr(0, 40)),
            "the file ends inside its NPY header");
  EXPECT_EQ(complaint_about(std::string(npy_magic) + std::string("\2\0\xff\xff\xff\xff", 6)),
            "the NPY header claims 4294967295 bytes");
  for (const char* malformed :
       {"", "{}", "{", "nonsense", "{'descr': '<f8'}", "{'descr': '<f8', 'fortran_order': 1, 'shape': (2, 2)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, -2)}", "{'descr",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), 'more': 1}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 99999999999999999999)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2)} trailing"}) {
    EXPECT_EQ(complaint_about(npy(malformed, cells)), "malformed NPY header") << malformed;
  }
  EXPECT_EQ(complaint_about(npy(dictionary("<c16", "(2, 1)"), cells)),
            "the NPY array has dtype '<c16'; a float of at most 64 bits, bool or an integer type is needed");
  EXPECT_EQ(complaint_about(npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (4,), }", cells)),
            "the NPY array holds records; a plain numeric array is needed");
  EXPECT_EQ(complaint_about(npy(dictionary("<f8", "(2, 2, 1)"), cells)),
            "the NPY array has 3 dimensions; one or two are needed");
  EXPECT_EQ(complaint_about(npy(dictionary("<f8", "()"), cells)),
            "the NPY array has 0 dimensions; one or two are needed");
  EXPECT_EQ(complaint_about(npy(dictionary("<f8", "(3, 2)"), cells)),
            "the NPY header claims 3 x 2 cells, 48 bytes; 32 follow");
  EXPECT_EQ(complaint_about(npy(dictionary("<f8", "(1, 2)"), cells)),
            "the NPY header claims 1 x 2 cells, 16 bytes; 32 follow");
  EXPECT_EQ(complaint_about(npy(dictionary("<f8", "(4611686018427387904, 4)"), cells)),
            "the NPY header claims 4611686018427387904 x 4 cells");
  EXPECT_EQ(complaint_about(npy(dictionary("<f8", "(0, 2)"), "")), "no rows");
  EXPECT_EQ(complaint_about(npy(dictionary("<f8", "(4,)"), cells)),
            "no column '1'; NPY columns are called by number and there are 1, from 0");
  EXPECT_EQ(complaint_about(npy(dictionary("<f8", "(1, 2)"), bytes<double>({1, 0.0 / 0.0 * -1}))),
            "row 0, column 1: 'nan' is not finite");
  EXPECT_EQ(complaint_about(npy(dictionary("<i8", "(1, 2)"), bytes<std::int64_t>({1, (std::int64_t{1} << 53) + 3}))),
            "row 0, column 1: an integer beyond 2^53 that a double would round");
}

TEST(Npy, QueriesAreTakenWhole) {
  const Scratch scratch;
  const std::string path = scratch.file("q.npy", npy(dictionary("<f8", "(1, 2)"), bytes<double>({1, 2})));
  EXPECT_EQ(read_queries(path, {"time", "distance"}).cells, (std::vector<double>{1, 2}));
  EXPECT_EQ(message_of([&] { read_queries(path, {"time"}); }),
            path + ": 2 columns; there must be 1, one for each of 'time'");
}

}  // namespace
}  // namespace attnpool::program::test
