#pragma once

#include <span>
#include <string>
#include <vector>

#include "detect/posture/verdict.h"

namespace detect::posture {

// A package that is installed in a version with known vulnerabilities, and the version that has
// none of them any more.
struct VulnerablePackage {
  std::string source;
  std::string installed;
  std::string fixed;
  std::string manager;                // dpkg, apk, rpm
  std::vector<std::string> binaries;  // what is installed of it
  struct Flaw {
    std::string name;  // CVE-2024-1
    std::string severity;
    Severity counts{};
    std::string fixed;
  };
  std::vector<Flaw> flaws;
};

// An item for each package: what is to be installed. Threads: pure.
Verdict judge_vulnerabilities(std::span<const VulnerablePackage> packages);

}  // namespace detect::posture
