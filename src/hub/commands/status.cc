#include "hub/commands/status.h"

namespace hub::commands {

using base::Code;

Status status_of(const base::Error& error, Of of) {
  switch (error.code) {
    case Code::NotFound:
      return {404, 404001};
    case Code::Closed:
      return {404, 404103};
    case Code::Expired:
      return {504, 504101};
    case Code::Full:
      return of == Of::Method ? Status{429, 429001} : Status{403, 403004};
    case Code::TooLarge:
      return {413, 413001};
    case Code::Invalid:
      return {400, 400004};
    case Code::Conflict:
      return {412, 412002};
    case Code::Malformed:
      return {502, 0};
    case Code::Unavailable:
      return {503, 503001};
    default:
      return {500, 500001};
  }
}

}  // namespace hub::commands
