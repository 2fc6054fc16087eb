#include "sensor/flow/counts.h"

namespace sensor::flow {

std::string_view count_name(FlowCount which) {
  static constexpr std::string_view kNames[] = {"flows",
                                                "flows_ended",
                                                "flows_evicted",
                                                "messages",
                                                "message_bytes",
                                                "issues",
                                                "tcp_retransmitted",
                                                "tcp_conflicts",
                                                "tcp_reordered",
                                                "tcp_gaps",
                                                "tcp_gap_bytes",
                                                "tcp_bytes_given_up",
                                                "stream_lost",
                                                "flows_reidentified",
                                                "flows_unidentified",
                                                "selector_unknown",
                                                "requests_crowded_out"};
  return kNames[static_cast<std::size_t>(which)];
}

}  // namespace sensor::flow
