#include "dissect/iec104/type.h"

#include <algorithm>
#include <iterator>

namespace dissect::iec104 {

namespace {

constexpr std::uint8_t size_of(char letter) {
  switch (letter) {
    case 'n':
    case 'i':
    case 'e':
    case 'D':
    case 'F':
    case 'N':
      return 2;
    case 't':
    case 'L':
      return 3;
    case 'b':
    case 'f':
    case 'C':
      return 4;
    case 'B':
      return 5;
    case 'T':
      return 7;
    default:
      return 1;
  }
}

constexpr Type type(unsigned int id, std::string_view name, const char* layout,
                    Access access = Access::Read) {
  Type made{static_cast<std::uint8_t>(id), name, layout, 0, access};
  for (const char* letter = layout; *letter != '\0'; ++letter)
    made.size = static_cast<std::uint8_t>(made.size + size_of(*letter));
  return made;
}

constexpr Type kTypes[] = {
    type(1, "M_SP_NA_1", "s"),
    type(2, "M_SP_TA_1", "st"),
    type(3, "M_DP_NA_1", "d"),
    type(4, "M_DP_TA_1", "dt"),
    type(5, "M_ST_NA_1", "vq"),
    type(6, "M_ST_TA_1", "vqt"),
    type(7, "M_BO_NA_1", "bq"),
    type(8, "M_BO_TA_1", "bqt"),
    type(9, "M_ME_NA_1", "nq"),
    type(10, "M_ME_TA_1", "nqt"),
    type(11, "M_ME_NB_1", "iq"),
    type(12, "M_ME_TB_1", "iqt"),
    type(13, "M_ME_NC_1", "fq"),
    type(14, "M_ME_TC_1", "fqt"),
    type(15, "M_IT_NA_1", "B"),
    type(16, "M_IT_TA_1", "Bt"),
    type(17, "M_EP_TA_1", "Eet"),
    type(18, "M_EP_TB_1", "Ppet"),
    type(19, "M_EP_TC_1", "Opet"),
    type(20, "M_PS_NA_1", "Cq"),
    type(21, "M_ME_ND_1", "n"),
    type(30, "M_SP_TB_1", "sT"),
    type(31, "M_DP_TB_1", "dT"),
    type(32, "M_ST_TB_1", "vqT"),
    type(33, "M_BO_TB_1", "bqT"),
    type(34, "M_ME_TD_1", "nqT"),
    type(35, "M_ME_TE_1", "iqT"),
    type(36, "M_ME_TF_1", "fqT"),
    type(37, "M_IT_TB_1", "BT"),
    type(38, "M_EP_TD_1", "EeT"),
    type(39, "M_EP_TE_1", "PpeT"),
    type(40, "M_EP_TF_1", "OpeT"),
    type(45, "C_SC_NA_1", "1", Access::Write),
    type(46, "C_DC_NA_1", "2", Access::Write),
    type(47, "C_RC_NA_1", "3", Access::Write),
    type(48, "C_SE_NA_1", "nQ", Access::Write),
    type(49, "C_SE_NB_1", "iQ", Access::Write),
    type(50, "C_SE_NC_1", "fQ", Access::Write),
    type(51, "C_BO_NA_1", "b", Access::Write),
    type(58, "C_SC_TA_1", "1T", Access::Write),
    type(59, "C_DC_TA_1", "2T", Access::Write),
    type(60, "C_RC_TA_1", "3T", Access::Write),
    type(61, "C_SE_TA_1", "nQT", Access::Write),
    type(62, "C_SE_TB_1", "iQT", Access::Write),
    type(63, "C_SE_TC_1", "fQT", Access::Write),
    type(64, "C_BO_TA_1", "bT", Access::Write),
    type(70, "M_EI_NA_1", "c", Access::Alarm),
    type(100, "C_IC_NA_1", "I", Access::Read),
    type(101, "C_CI_NA_1", "K", Access::Read),
    type(102, "C_RD_NA_1", "", Access::Read),
    type(103, "C_CS_NA_1", "T", Access::ConfigWrite),
    type(104, "C_TS_NA_1", "F", Access::Diagnostics),
    type(105, "C_RP_NA_1", "r", Access::Reset),
    type(106, "C_CD_NA_1", "D", Access::ConfigWrite),
    type(107, "C_TS_TA_1", "FT", Access::Diagnostics),
    type(110, "P_ME_NA_1", "nm", Access::ConfigWrite),
    type(111, "P_ME_NB_1", "im", Access::ConfigWrite),
    type(112, "P_ME_NC_1", "fm", Access::ConfigWrite),
    type(113, "P_AC_NA_1", "a", Access::ConfigWrite),
    type(120, "F_FR_NA_1", "NLx", Access::File),
    type(121, "F_SR_NA_1", "NSLx", Access::File),
    type(122, "F_SC_NA_1", "NSx", Access::File),
    type(123, "F_LS_NA_1", "NSxx", Access::File),
    type(124, "F_AF_NA_1", "NSx", Access::File),
    type(125, "F_SG_NA_1", "NSG", Access::File),
    type(126, "F_DR_TA_1", "NLxT", Access::File),
    type(127, "F_SC_NB_1", "NTT", Access::File),
};
static_assert(std::ranges::is_sorted(kTypes, {}, &Type::id));

}  // namespace

const Type* find_type(std::uint8_t id) {
  const auto* const found = std::ranges::lower_bound(kTypes, id, {}, &Type::id);
  return found != std::end(kTypes) && found->id == id ? found : nullptr;
}

std::string_view cause_name(unsigned int cause) {
  static constexpr std::string_view kNames[] = {"",
                                                "periodic",
                                                "background scan",
                                                "spontaneous",
                                                "initialized",
                                                "request",
                                                "activation",
                                                "activation confirmation",
                                                "deactivation",
                                                "deactivation confirmation",
                                                "activation termination",
                                                "remote command",
                                                "local command",
                                                "file transfer",
                                                "authentication",
                                                "session key maintenance",
                                                "user role maintenance"};
  if (cause < std::size(kNames)) return kNames[cause];
  if (cause == 20) return "interrogated";
  if (cause > 20 && cause <= 36) return "interrogated by group";
  if (cause >= 37 && cause <= 41) return "counters interrogated";
  switch (cause) {
    case 44:
      return "unknown type identification";
    case 45:
      return "unknown cause of transmission";
    case 46:
      return "unknown common address";
    case 47:
      return "unknown information object address";
    default:
      return {};
  }
}

}  // namespace dissect::iec104
