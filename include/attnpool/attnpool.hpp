#pragma once
// The whole public interface.
#include <attnpool/fit.hpp>
#include <attnpool/gradient.hpp>
#include <attnpool/isa.hpp>
#include <attnpool/model.hpp>
#include <attnpool/options.hpp>
#include <attnpool/plan.hpp>
#include <attnpool/pool.hpp>
#include <attnpool/prepared.hpp>
#include <attnpool/range.hpp>
#include <attnpool/reference.hpp>
#include <attnpool/score.hpp>
#include <attnpool/selection.hpp>
#include <attnpool/state.hpp>
#include <attnpool/version.hpp>
#include <attnpool/view.hpp>
#include <attnpool/vmath.hpp>
