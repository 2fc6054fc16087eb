#include "dissect/mms/services.h"

#include <algorithm>
#include <iterator>

namespace dissect::mms {

namespace {

constexpr std::string_view kVariable = "variable";
constexpr std::string_view kList = "variable list";
constexpr std::string_view kType = "type";
constexpr std::string_view kSemaphore = "semaphore";
constexpr std::string_view kDomain = "domain";
constexpr std::string_view kProgram = "program invocation";
constexpr std::string_view kEvent = "event";
constexpr std::string_view kJournal = "journal";
constexpr std::string_view kFile = "file";

// ISO 9506-2, ConfirmedServiceRequest: by number.
constexpr Service kConfirmed[] = {
    {"status", Access::Diagnostics, {}},
    {"getNameList", Access::Discovery, {}},
    {"identify", Access::Discovery, {}},
    {"rename", Access::ConfigWrite, {}},
    {"read", Access::Read, kVariable},
    {"write", Access::Write, kVariable},
    {"getVariableAccessAttributes", Access::ConfigRead, kVariable},
    {"defineNamedVariable", Access::ConfigWrite, kVariable},
    {"defineScatteredAccess", Access::ConfigWrite, kVariable},
    {"getScatteredAccessAttributes", Access::ConfigRead, kVariable},
    {"deleteVariableAccess", Access::ConfigWrite, kVariable},
    {"defineNamedVariableList", Access::ConfigWrite, kList},
    {"getNamedVariableListAttributes", Access::ConfigRead, kList},
    {"deleteNamedVariableList", Access::ConfigWrite, kList},
    {"defineNamedType", Access::ConfigWrite, kType},
    {"getNamedTypeAttributes", Access::ConfigRead, kType},
    {"deleteNamedType", Access::ConfigWrite, kType},
    {"input", Access::Read, {}},
    {"output", Access::Write, {}},
    {"takeControl", Access::Session, kSemaphore},
    {"relinquishControl", Access::Session, kSemaphore},
    {"defineSemaphore", Access::ConfigWrite, kSemaphore},
    {"deleteSemaphore", Access::ConfigWrite, kSemaphore},
    {"reportSemaphoreStatus", Access::Diagnostics, kSemaphore},
    {"reportPoolSemaphoreStatus", Access::Diagnostics, kSemaphore},
    {"reportSemaphoreEntryStatus", Access::Diagnostics, kSemaphore},
    {"initiateDownloadSequence", Access::ProgramDownload, kDomain},
    {"downloadSegment", Access::ProgramDownload, kDomain},
    {"terminateDownloadSequence", Access::ProgramDownload, kDomain},
    {"initiateUploadSequence", Access::ProgramUpload, kDomain},
    {"uploadSegment", Access::ProgramUpload, {}},
    {"terminateUploadSequence", Access::ProgramUpload, {}},
    {"requestDomainDownload", Access::ProgramDownload, kDomain},
    {"requestDomainUpload", Access::ProgramUpload, kDomain},
    {"loadDomainContent", Access::ProgramDownload, kDomain},
    {"storeDomainContent", Access::ProgramUpload, kDomain},
    {"deleteDomain", Access::ProgramDownload, kDomain},
    {"getDomainAttributes", Access::ConfigRead, kDomain},
    {"createProgramInvocation", Access::ProgramDownload, kProgram},
    {"deleteProgramInvocation", Access::ProgramDownload, kProgram},
    {"start", Access::Start, kProgram},
    {"stop", Access::Stop, kProgram},
    {"resume", Access::Start, kProgram},
    {"reset", Access::Reset, kProgram},
    {"kill", Access::Stop, kProgram},
    {"getProgramInvocationAttributes", Access::ConfigRead, kProgram},
    {"obtainFile", Access::File, kFile},
    {"defineEventCondition", Access::ConfigWrite, kEvent},
    {"deleteEventCondition", Access::ConfigWrite, kEvent},
    {"getEventConditionAttributes", Access::ConfigRead, kEvent},
    {"reportEventConditionStatus", Access::Alarm, kEvent},
    {"alterEventConditionMonitoring", Access::ConfigWrite, kEvent},
    {"triggerEvent", Access::Alarm, kEvent},
    {"defineEventAction", Access::ConfigWrite, kEvent},
    {"deleteEventAction", Access::ConfigWrite, kEvent},
    {"getEventActionAttributes", Access::ConfigRead, kEvent},
    {"reportEventActionStatus", Access::Alarm, kEvent},
    {"defineEventEnrollment", Access::ConfigWrite, kEvent},
    {"deleteEventEnrollment", Access::ConfigWrite, kEvent},
    {"alterEventEnrollment", Access::ConfigWrite, kEvent},
    {"reportEventEnrollmentStatus", Access::Alarm, kEvent},
    {"getEventEnrollmentAttributes", Access::ConfigRead, kEvent},
    {"acknowledgeEventNotification", Access::Alarm, kEvent},
    {"getAlarmSummary", Access::Alarm, {}},
    {"getAlarmEnrollmentSummary", Access::Alarm, {}},
    {"readJournal", Access::Read, kJournal},
    {"writeJournal", Access::Write, kJournal},
    {"initializeJournal", Access::ConfigWrite, kJournal},
    {"reportJournalStatus", Access::Diagnostics, kJournal},
    {"createJournal", Access::ConfigWrite, kJournal},
    {"deleteJournal", Access::ConfigWrite, kJournal},
    {"getCapabilityList", Access::Discovery, {}},
    {"fileOpen", Access::File, kFile},
    {"fileRead", Access::File, {}},
    {"fileClose", Access::File, {}},
    {"fileRename", Access::File, kFile},
    {"fileDelete", Access::File, kFile},
    {"fileDirectory", Access::File, kFile},
};

std::string_view at(const std::string_view* names, std::size_t count, std::uint32_t number) {
  return number < count ? names[number] : std::string_view();
}

}  // namespace

Service confirmed(std::uint32_t number) {
  return number < std::size(kConfirmed) ? kConfirmed[number] : Service{};
}

Service unconfirmed(std::uint32_t number) {
  switch (number) {
    case kInformationReport:
      return {"informationReport", Access::Read, kVariable};
    case kUnsolicitedStatus:
      return {"unsolicitedStatus", Access::Diagnostics, {}};
    case 2:
      return {"eventNotification", Access::Alarm, kEvent};
    default:
      return {};
  }
}

std::string_view error_class(std::uint32_t number) {
  static constexpr std::string_view kNames[] = {"VMD state",       "application reference",
                                                "definition",      "resource",
                                                "service",         "service preempt",
                                                "time resolution", "access",
                                                "initiate",        "conclude",
                                                "cancel",          "file",
                                                "others"};
  return at(kNames, std::size(kNames), number);
}

std::string_view access_error(std::uint32_t number) {
  static constexpr std::string_view kNames[] = {
      "object invalidated",        "hardware fault",      "temporarily unavailable",
      "object access denied",      "object undefined",    "invalid address",
      "type unsupported",          "type inconsistent",   "object attribute inconsistent",
      "object access unsupported", "object non-existent", "object value invalid"};
  return at(kNames, std::size(kNames), number);
}

std::string_view physical_status(std::uint32_t number) {
  static constexpr std::string_view kNames[] = {"operational", "partially operational",
                                                "inoperable", "needs commissioning"};
  return at(kNames, std::size(kNames), number);
}

Access by_constraint(Access access, std::string_view item) {
  if (access != Access::Read && access != Access::Write) return access;
  const std::size_t first = item.find('$');
  if (first == std::string_view::npos) return access;
  std::string_view constraint = item.substr(first + 1);
  constraint = constraint.substr(0, constraint.find('$'));
  static constexpr std::string_view kSettings[] = {"CF", "DC", "SP", "SG", "SE",
                                                   "RP", "BR", "GO", "MS", "US"};
  if (std::ranges::find(kSettings, constraint) == std::end(kSettings)) return access;
  return access == Access::Read ? Access::ConfigRead : Access::ConfigWrite;
}

}  // namespace dissect::mms
