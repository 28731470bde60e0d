// Softmax of a row, through pkg-config attnpool.
#include <attnpool/attnpool.hpp>
#include <cstdio>
#include <vector>

int main() {
  std::vector<float> row = {1, 1, 1, 1};
  attnpool::softmax<float>({row.data(), 1, 4}, {row.data(), 1, 4});
  const bool good = row[0] == 0.25f && row[3] == 0.25f;
  std::printf("attnpool %s: %g, %s\n", attnpool::version(), row[0], good ? "as expected" : "WRONG");
  return good ? 0 : 1;
}
