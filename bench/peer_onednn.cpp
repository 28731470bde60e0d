// oneDNN's softmax primitive. It writes its own code at run time; it is held to AVX2 here.
#include <omp.h>

#include <dnnl.hpp>

#include "peer.hpp"

namespace {

void softmax(const bench::Softmax<float>& s) {
  using namespace dnnl;
  static const engine cpu = [] {
    set_max_cpu_isa(cpu_isa::avx2);
    return engine(engine::kind::cpu, 0);
  }();
  static stream queue(cpu);
  omp_set_num_threads(s.threads);
  const memory::desc shape({static_cast<memory::dim>(s.rows), static_cast<memory::dim>(s.cols)}, memory::data_type::f32,
                           memory::format_tag::ab);
#if DNNL_VERSION_MAJOR >= 3
  const softmax_forward::primitive_desc description(cpu, prop_kind::forward_inference, algorithm::softmax_accurate,
                                                    shape, shape, 1);
#else
  const softmax_forward::primitive_desc description(softmax_forward::desc(prop_kind::forward_inference, shape, 1), cpu);
#endif
  memory in(shape, cpu, const_cast<float*>(s.scores)), out(shape, cpu, s.out);  // NOLINT: read only
  softmax_forward(description).execute(queue, {{DNNL_ARG_SRC, in}, {DNNL_ARG_DST, out}});
  queue.wait();
}

}  // namespace

namespace bench {
constinit const Implementation onednn_peer = {
    .name = "oneDNN softmax", .isa = "avx2", .f32 = {.softmax = softmax}, .f64 = {}};
}
