#pragma once

namespace attnpool {

/// How the variance of a prediction sum_k p_k value_k is estimated. With e_k the residual of row k in the fit to all rows and
/// H_kk its leverage, hc0 to hc3 are sum_k p_k^2 r_k^2 (White 1980, MacKinnon and White 1985), where r_k^2 is
///   hc0     e_k^2
///   hc1     e_k^2 n / (n - tr H)
///   hc2     e_k^2 / (1 - H_kk)
///   hc3     e_k^2 / (1 - H_kk)^2, the squared error of predicting row k from the others
///   local   (sum_k p_k (value_k - out)^2) sum_k p_k^2, one variance around each query, as R's np has it
enum class Variance { hc0, hc1, hc2, hc3, local };

/// "hc0", "hc1", "hc2", "hc3", "local".
const char* to_string(Variance variance) noexcept;

}  // namespace attnpool
