#include "dissect/opcua/service.h"

#include <algorithm>
#include <iterator>

#include "dissect/names.h"

namespace dissect::opcua {

namespace {

// In the order of their requests.
constexpr Service kServices[] = {
    {422, 425, "FindServers", Access::Discovery},
    {428, 431, "GetEndpoints", Access::Discovery},
    {437, 440, "RegisterServer", Access::ConfigWrite},
    {446, 449, "OpenSecureChannel", Access::Session},
    {452, 455, "CloseSecureChannel", Access::Session},
    {461, 464, "CreateSession", Access::Session},
    {467, 470, "ActivateSession", Access::Authentication},
    {473, 476, "CloseSession", Access::Session},
    {479, 482, "Cancel", Access::Session},
    {488, 491, "AddNodes", Access::ConfigWrite},
    {494, 497, "AddReferences", Access::ConfigWrite},
    {500, 503, "DeleteNodes", Access::ConfigWrite},
    {506, 509, "DeleteReferences", Access::ConfigWrite},
    {527, 530, "Browse", Access::Discovery},
    {533, 536, "BrowseNext", Access::Discovery},
    {554, 557, "TranslateBrowsePathsToNodeIds", Access::Discovery},
    {560, 563, "RegisterNodes", Access::Read},
    {566, 569, "UnregisterNodes", Access::Read},
    {615, 618, "QueryFirst", Access::Read},
    {621, 624, "QueryNext", Access::Read},
    {631, 634, "Read", Access::Read},
    {664, 667, "HistoryRead", Access::Read},
    {673, 676, "Write", Access::Write},
    {700, 703, "HistoryUpdate", Access::Write},
    {712, 715, "Call", Access::Write},
    {751, 754, "CreateMonitoredItems", Access::Read},
    {763, 766, "ModifyMonitoredItems", Access::Read},
    {769, 772, "SetMonitoringMode", Access::Read},
    {775, 778, "SetTriggering", Access::Read},
    {781, 784, "DeleteMonitoredItems", Access::Read},
    {787, 790, "CreateSubscription", Access::Read},
    {793, 796, "ModifySubscription", Access::Read},
    {799, 802, "SetPublishingMode", Access::Read},
    {826, 829, "Publish", Access::None},
    {832, 835, "Republish", Access::Read},
    {841, 844, "TransferSubscriptions", Access::Read},
    {847, 850, "DeleteSubscriptions", Access::Read},
    {12208, 12209, "FindServersOnNetwork", Access::Discovery},
    {12211, 12212, "RegisterServer2", Access::ConfigWrite},
};
static_assert(std::ranges::is_sorted(kServices, {}, &Service::request));

constexpr Named kStatuses[] = {{0x80010000, "BadUnexpectedError"},
                               {0x80020000, "BadInternalError"},
                               {0x80050000, "BadCommunicationError"},
                               {0x80060000, "BadEncodingError"},
                               {0x80070000, "BadDecodingError"},
                               {0x80080000, "BadEncodingLimitsExceeded"},
                               {0x800a0000, "BadTimeout"},
                               {0x800b0000, "BadServiceUnsupported"},
                               {0x800c0000, "BadShutdown"},
                               {0x800f0000, "BadNothingToDo"},
                               {0x80100000, "BadTooManyOperations"},
                               {0x80120000, "BadCertificateInvalid"},
                               {0x80130000, "BadSecurityChecksFailed"},
                               {0x80140000, "BadCertificateTimeInvalid"},
                               {0x801a0000, "BadCertificateUntrusted"},
                               {0x801f0000, "BadUserAccessDenied"},
                               {0x80200000, "BadIdentityTokenInvalid"},
                               {0x80210000, "BadIdentityTokenRejected"},
                               {0x80220000, "BadSecureChannelIdInvalid"},
                               {0x80250000, "BadSessionIdInvalid"},
                               {0x80260000, "BadSessionClosed"},
                               {0x80270000, "BadSessionNotActivated"},
                               {0x80280000, "BadSubscriptionIdInvalid"},
                               {0x80330000, "BadNodeIdInvalid"},
                               {0x80340000, "BadNodeIdUnknown"},
                               {0x80350000, "BadAttributeIdInvalid"},
                               {0x803a0000, "BadNotReadable"},
                               {0x803b0000, "BadNotWritable"},
                               {0x803c0000, "BadOutOfRange"},
                               {0x803d0000, "BadNotSupported"},
                               {0x803e0000, "BadNotFound"},
                               {0x80540000, "BadSecurityModeRejected"},
                               {0x80550000, "BadSecurityPolicyRejected"},
                               {0x80560000, "BadTooManySessions"},
                               {0x80740000, "BadTypeMismatch"},
                               {0x80750000, "BadMethodInvalid"},
                               {0x80760000, "BadArgumentsMissing"},
                               {0x80770000, "BadTooManySubscriptions"},
                               {0x80780000, "BadTooManyPublishRequests"},
                               {0x80790000, "BadNoSubscription"},
                               {0x807d0000, "BadTcpServerTooBusy"},
                               {0x807e0000, "BadTcpMessageTypeInvalid"},
                               {0x807f0000, "BadTcpSecureChannelUnknown"},
                               {0x80800000, "BadTcpMessageTooLarge"},
                               {0x80830000, "BadTcpEndpointUrlInvalid"},
                               {0x80ab0000, "BadInvalidArgument"},
                               {0x80ac0000, "BadConnectionRejected"},
                               {0x80ae0000, "BadConnectionClosed"},
                               {0x80af0000, "BadInvalidState"},
                               {0x80b80000, "BadRequestTooLarge"},
                               {0x80b90000, "BadResponseTooLarge"}};
static_assert(sorted_by_code(kStatuses));

}  // namespace

const Service* find_service(std::uint32_t id) {
  const auto* const after = std::ranges::upper_bound(kServices, id, {}, &Service::request);
  if (after == std::begin(kServices)) return nullptr;
  const Service* const found = after - 1;
  return found->request == id || found->response == id ? found : nullptr;
}

std::string_view status_name(std::uint32_t status) {
  const std::string_view name = name_of(kStatuses, status & 0xffff0000U);
  if (!name.empty()) return name;
  switch (status >> 30U) {
    case 0:
      return "Good";
    case 1:
      return "Uncertain";
    default:
      return "Bad";
  }
}

}  // namespace dissect::opcua
