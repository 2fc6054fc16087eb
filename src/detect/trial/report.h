#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "detect/trial/cases.h"
#include "detect/trial/trial.h"

// What trials found, as lines of JSON.
namespace detect::trial {

// {"alert":"..","kind":"alert","rule":"..","severity":"High",...}, without a line end.
std::string finding_line(const Raised& raised);

// {"id":"..","alert":"..","expected":"..","raised":[..],"right":true}. `expected` is the alert that
// is to be raised, null where it is not to be.
std::string case_line(const Case& one, const Verdict& verdict);

// How many cases were decided right.
class Totals {
 public:
  void add(const Case& one, const Verdict& verdict);
  std::size_t cases() const { return all_.cases; }
  std::size_t right() const { return all_.right; }
  // {"totals":{"cases":..,"right":..,"share":..,"positive":{..},"negative":{..},"wrong":[..]}}
  std::string line() const;

 private:
  struct Count {
    std::size_t cases = 0;
    std::size_t right = 0;
  };
  Count all_;
  Count positive_;
  Count negative_;
  std::map<std::string, Count> by_kind_;
  std::vector<std::string> wrong_;  // ids
};

}  // namespace detect::trial
