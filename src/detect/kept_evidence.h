#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "detect/finding.h"
#include "detect/stream.h"
#include "sigma/correlator.h"

namespace detect {

// What a correlation gives back of the events that it stands on.
class KeptEvidence : public sigma::Keepsake {
 public:
  KeptEvidence(Evidence evidence, const Origin& origin)
      : evidence_(std::move(evidence)),
        device_id_(origin.device_id),
        module_id_(origin.module_id) {}
  std::size_t bytes() const override;
  std::string to_text() const;
  // nullptr: that was none.
  static std::shared_ptr<const KeptEvidence> parse(std::string_view text);
  const Evidence& evidence() const { return evidence_; }
  const std::string& device_id() const { return device_id_; }
  const std::string& module_id() const { return module_id_; }

 private:
  Evidence evidence_;
  std::string device_id_;
  std::string module_id_;
};

}  // namespace detect
