#pragma once

#include <span>
#include <string_view>

// content/attack.yml as part of the program; for attack.cc.
namespace detect {

struct AttackFile {
  std::string_view file;
  std::string_view text;
};
std::span<const AttackFile> attack_files();

}  // namespace detect
