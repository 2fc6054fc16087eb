#pragma once

#include <expected>
#include <string>
#include <utility>

#include "cli/exit.h"

namespace cli {

// Why a command ends early: what happened, and what to do about it.
struct Failure {
  Exit status = Exit::Failure;
  std::string message;
  std::string hint = {};  // what to do next; may be empty
};

template <class T>
using Outcome = std::expected<T, Failure>;

inline std::unexpected<Failure> give_up(Exit status, std::string message, std::string hint = {}) {
  return std::unexpected(Failure{status, std::move(message), std::move(hint)});
}

}  // namespace cli
