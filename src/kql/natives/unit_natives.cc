// convert_*(): a number from one unit to another.

#include <algorithm>
#include <array>
#include <optional>

#include "kql/natives/native.h"
#include "kql/natives/units.h"

namespace kql::natives {
namespace {

// value * factor + offset is in the family's own unit.
struct Unit {
  std::string_view name;
  double factor;
  double offset = 0;
};

constexpr double kPi = 3.14159265358979323846;
constexpr double kYear = 9.46073047258e15;     // a light year
constexpr double kParsec = 3.08567758128e16;   // metres
constexpr double kGallon = 0.003785411784;     // of the US, cubic metres
constexpr double kImperial = 0.00454609;       // the gallon of the UK
constexpr double kCubicFoot = 0.028316846592;  // cubic metres
constexpr double kBtu = 1055.05585262;
constexpr double kElectronVolt = 1.602176634e-19;

constexpr std::array kAngle{
    Unit{"Arcminute", 1.0 / 60},
    Unit{"Arcsecond", 1.0 / 3600},
    Unit{"Centiradian", 180 / kPi / 100},
    Unit{"Deciradian", 180 / kPi / 10},
    Unit{"Degree", 1},
    Unit{"Gradian", 0.9},
    Unit{"Microdegree", 1e-6},
    Unit{"Microradian", 180 / kPi / 1e6},
    Unit{"Millidegree", 1e-3},
    Unit{"Milliradian", 180 / kPi / 1e3},
    Unit{"Nanodegree", 1e-9},
    Unit{"Nanoradian", 180 / kPi / 1e9},
    Unit{"NatoMil", 360.0 / 6400},
    Unit{"Radian", 180 / kPi},
    Unit{"Revolution", 360},
};
constexpr std::array kEnergy{
    Unit{"BritishThermalUnit", kBtu},
    Unit{"Calorie", 4.184},
    Unit{"DecathermEc", 1.05505585262e9},
    Unit{"DecathermImperial", 1.05505585257348e9},
    Unit{"DecathermUs", 1.054804e9},
    Unit{"ElectronVolt", kElectronVolt},
    Unit{"Erg", 1e-7},
    Unit{"FootPound", 1.3558179483314004},
    Unit{"GigabritishThermalUnit", kBtu * 1e9},
    Unit{"GigaelectronVolt", kElectronVolt * 1e9},
    Unit{"Gigajoule", 1e9},
    Unit{"GigawattDay", 86400e9},
    Unit{"GigawattHour", 3600e9},
    Unit{"HorsepowerHour", 2.6845195377e6},
    Unit{"Joule", 1},
    Unit{"KilobritishThermalUnit", kBtu * 1e3},
    Unit{"Kilocalorie", 4184},
    Unit{"KiloelectronVolt", kElectronVolt * 1e3},
    Unit{"Kilojoule", 1e3},
    Unit{"KilowattDay", 86400e3},
    Unit{"KilowattHour", 3600e3},
    Unit{"MegabritishThermalUnit", kBtu * 1e6},
    Unit{"Megacalorie", 4.184e6},
    Unit{"MegaelectronVolt", kElectronVolt * 1e6},
    Unit{"Megajoule", 1e6},
    Unit{"MegawattDay", 86400e6},
    Unit{"MegawattHour", 3600e6},
    Unit{"Millijoule", 1e-3},
    Unit{"TeraelectronVolt", kElectronVolt * 1e12},
    Unit{"TerawattDay", 86400e12},
    Unit{"TerawattHour", 3600e12},
    Unit{"ThermEc", 1.05505585262e8},
    Unit{"ThermImperial", 1.05505585257348e8},
    Unit{"ThermUs", 1.054804e8},
    Unit{"WattDay", 86400},
    Unit{"WattHour", 3600},
};
constexpr std::array kForce{
    Unit{"Decanewton", 10},
    Unit{"Dyn", 1e-5},
    Unit{"KilogramForce", 9.80665},
    Unit{"Kilonewton", 1e3},
    Unit{"KiloPond", 9.80665},
    Unit{"KilopoundForce", 4448.2216152605},
    Unit{"Meganewton", 1e6},
    Unit{"Micronewton", 1e-6},
    Unit{"Millinewton", 1e-3},
    Unit{"Newton", 1},
    Unit{"OunceForce", 0.27801385095378125},
    Unit{"Poundal", 0.138254954376},
    Unit{"PoundForce", 4.4482216152605},
    Unit{"ShortTonForce", 8896.443230521},
    Unit{"TonneForce", 9806.65},
};
constexpr std::array kLength{
    Unit{"Angstrom", 1e-10},
    Unit{"AstronomicalUnit", 1.495978707e11},
    Unit{"Centimeter", 1e-2},
    Unit{"Chain", 20.1168},
    Unit{"DataMile", 1828.8},
    Unit{"Decameter", 10},
    Unit{"Decimeter", 0.1},
    Unit{"DtpPica", 0.0254 / 6},
    Unit{"DtpPoint", 0.0254 / 72},
    Unit{"Fathom", 1.8288},
    Unit{"Foot", 0.3048},
    Unit{"Hand", 0.1016},
    Unit{"Hectometer", 100},
    Unit{"Inch", 0.0254},
    Unit{"KilolightYear", kYear * 1e3},
    Unit{"Kilometer", 1e3},
    Unit{"Kiloparsec", kParsec * 1e3},
    Unit{"LightYear", kYear},
    Unit{"MegalightYear", kYear * 1e6},
    Unit{"Megaparsec", kParsec * 1e6},
    Unit{"Meter", 1},
    Unit{"Microinch", 2.54e-8},
    Unit{"Micrometer", 1e-6},
    Unit{"Mil", 2.54e-5},
    Unit{"Mile", 1609.344},
    Unit{"Millimeter", 1e-3},
    Unit{"Nanometer", 1e-9},
    Unit{"NauticalMile", 1852},
    Unit{"Parsec", kParsec},
    Unit{"PrinterPica", 12 * 0.0254 / 72.27},
    Unit{"PrinterPoint", 0.0254 / 72.27},
    Unit{"Shackle", 27.432},
    Unit{"SolarRadius", 6.9551e8},
    Unit{"Twip", 0.0254 / 1440},
    Unit{"UsSurveyFoot", 1200.0 / 3937},
    Unit{"Yard", 0.9144},
};
constexpr std::array kMass{
    Unit{"Centigram", 1e-5},
    Unit{"Decagram", 1e-2},
    Unit{"Decigram", 1e-4},
    Unit{"EarthMass", 5.9722e24},
    Unit{"Grain", 6.479891e-5},
    Unit{"Gram", 1e-3},
    Unit{"Hectogram", 0.1},
    Unit{"Kilogram", 1},
    Unit{"Kilopound", 453.59237},
    Unit{"Kilotonne", 1e6},
    Unit{"LongHundredweight", 50.80234544},
    Unit{"LongTon", 1016.0469088},
    Unit{"Megapound", 453592.37},
    Unit{"Megatonne", 1e9},
    Unit{"Microgram", 1e-9},
    Unit{"Milligram", 1e-6},
    Unit{"Nanogram", 1e-12},
    Unit{"Ounce", 0.028349523125},
    Unit{"Pound", 0.45359237},
    Unit{"ShortHundredweight", 45.359237},
    Unit{"ShortTon", 907.18474},
    Unit{"Slug", 14.593902937},
    Unit{"SolarMass", 1.98947e30},
    Unit{"Stone", 6.35029318},
    Unit{"Tonne", 1e3},
};
constexpr std::array kSpeed{
    Unit{"CentimeterPerHour", 1e-2 / 3600},
    Unit{"CentimeterPerMinute", 1e-2 / 60},
    Unit{"CentimeterPerSecond", 1e-2},
    Unit{"DecimeterPerMinute", 0.1 / 60},
    Unit{"DecimeterPerSecond", 0.1},
    Unit{"FootPerHour", 0.3048 / 3600},
    Unit{"FootPerMinute", 0.3048 / 60},
    Unit{"FootPerSecond", 0.3048},
    Unit{"InchPerHour", 0.0254 / 3600},
    Unit{"InchPerMinute", 0.0254 / 60},
    Unit{"InchPerSecond", 0.0254},
    Unit{"KilometerPerHour", 1e3 / 3600},
    Unit{"KilometerPerMinute", 1e3 / 60},
    Unit{"KilometerPerSecond", 1e3},
    Unit{"Knot", 1852.0 / 3600},
    Unit{"MeterPerHour", 1.0 / 3600},
    Unit{"MeterPerMinute", 1.0 / 60},
    Unit{"MeterPerSecond", 1},
    Unit{"MicrometerPerMinute", 1e-6 / 60},
    Unit{"MicrometerPerSecond", 1e-6},
    Unit{"MilePerHour", 0.44704},
    Unit{"MillimeterPerHour", 1e-3 / 3600},
    Unit{"MillimeterPerMinute", 1e-3 / 60},
    Unit{"MillimeterPerSecond", 1e-3},
    Unit{"NanometerPerMinute", 1e-9 / 60},
    Unit{"NanometerPerSecond", 1e-9},
    Unit{"UsSurveyFootPerHour", 1200.0 / 3937 / 3600},
    Unit{"UsSurveyFootPerMinute", 1200.0 / 3937 / 60},
    Unit{"UsSurveyFootPerSecond", 1200.0 / 3937},
    Unit{"YardPerHour", 0.9144 / 3600},
    Unit{"YardPerMinute", 0.9144 / 60},
    Unit{"YardPerSecond", 0.9144},
};
constexpr std::array kTemperature{
    Unit{"DegreeCelsius", 1, 273.15},
    Unit{"DegreeDelisle", -2.0 / 3, 373.15},
    Unit{"DegreeFahrenheit", 5.0 / 9, 459.67 * 5 / 9},
    Unit{"DegreeNewton", 100.0 / 33, 273.15},
    Unit{"DegreeRankine", 5.0 / 9},
    Unit{"DegreeReaumur", 5.0 / 4, 273.15},
    Unit{"DegreeRoemer", 40.0 / 21, 273.15 - 7.5 * 40 / 21},
    Unit{"Kelvin", 1},
    Unit{"MillidegreeCelsius", 1e-3, 273.15},
    Unit{"SolarTemperature", 5778},
};
constexpr std::array kVolume{
    Unit{"AcreFoot", 43560 * kCubicFoot},
    Unit{"AuTablespoon", 2e-5},
    Unit{"BoardFoot", kCubicFoot / 12},
    Unit{"Centiliter", 1e-5},
    Unit{"CubicCentimeter", 1e-6},
    Unit{"CubicDecimeter", 1e-3},
    Unit{"CubicFoot", kCubicFoot},
    Unit{"CubicHectometer", 1e6},
    Unit{"CubicInch", 1.6387064e-5},
    Unit{"CubicKilometer", 1e9},
    Unit{"CubicMeter", 1},
    Unit{"CubicMicrometer", 1e-18},
    Unit{"CubicMile", 4.168181825440579584e9},
    Unit{"CubicMillimeter", 1e-9},
    Unit{"CubicYard", 0.764554857984},
    Unit{"Decaliter", 1e-2},
    Unit{"DecausGallon", kGallon * 10},
    Unit{"Deciliter", 1e-4},
    Unit{"DeciusGallon", kGallon / 10},
    Unit{"HectocubicFoot", kCubicFoot * 100},
    Unit{"HectocubicMeter", 100},
    Unit{"Hectoliter", 0.1},
    Unit{"HectousGallon", kGallon * 100},
    Unit{"ImperialBeerBarrel", kImperial * 36},
    Unit{"ImperialGallon", kImperial},
    Unit{"ImperialOunce", kImperial / 160},
    Unit{"ImperialPint", kImperial / 8},
    Unit{"KilocubicFoot", kCubicFoot * 1e3},
    Unit{"KilocubicMeter", 1e3},
    Unit{"KiloimperialGallon", kImperial * 1e3},
    Unit{"Kiloliter", 1},
    Unit{"KilousGallon", kGallon * 1e3},
    Unit{"Liter", 1e-3},
    Unit{"MegacubicFoot", kCubicFoot * 1e6},
    Unit{"MegaimperialGallon", kImperial * 1e6},
    Unit{"Megaliter", 1e3},
    Unit{"MegausGallon", kGallon * 1e6},
    Unit{"MetricCup", 2.5e-4},
    Unit{"MetricTeaspoon", 5e-6},
    Unit{"Microliter", 1e-9},
    Unit{"Milliliter", 1e-6},
    Unit{"OilBarrel", kGallon * 42},
    Unit{"UkTablespoon", 1.5e-5},
    Unit{"UsBeerBarrel", kGallon * 31},
    Unit{"UsCustomaryCup", kGallon / 16},
    Unit{"UsGallon", kGallon},
    Unit{"UsLegalCup", 2.4e-4},
    Unit{"UsOunce", kGallon / 128},
    Unit{"UsPint", kGallon / 8},
    Unit{"UsQuart", kGallon / 4},
    Unit{"UsTablespoon", kGallon / 256},
    Unit{"UsTeaspoon", kGallon / 768},
};

struct Family {
  std::string_view name;
  std::span<const Unit> units;
};
constexpr std::array kFamilies{
    Family{"angle", kAngle},   Family{"energy", kEnergy},
    Family{"force", kForce},   Family{"length", kLength},
    Family{"mass", kMass},     Family{"speed", kSpeed},
    Family{"volume", kVolume}, Family{"temperature", kTemperature},
};

std::span<const Unit> family_of(std::string_view name) {
  const auto found = std::ranges::find(kFamilies, name, &Family::name);
  return found == kFamilies.end() ? std::span<const Unit>{} : found->units;
}

// convert(family, value, from, to); null for a unit that is not of the family.
Outcome convert(Arguments arguments) {
  const auto family = text_at(arguments, 0);
  const auto value = real_at(arguments, 1);
  const auto from = text_at(arguments, 2);
  const auto to = text_at(arguments, 3);
  if (!family || !value || !from || !to) return {};
  const auto units = family_of(*family);
  const auto source = std::ranges::find(units, *from, &Unit::name);
  const auto target = std::ranges::find(units, *to, &Unit::name);
  if (source == units.end() || target == units.end()) return {};
  return (*value * source->factor + source->offset - target->offset) / target->factor;
}

constexpr std::array kNatives{Native{"native_convert", "TRTT:R", convert}};

}  // namespace

std::vector<std::string_view> unit_names(std::string_view family) {
  std::vector<std::string_view> out;
  for (const Unit& each : family_of(family))
    out.push_back(each.name);
  return out;
}

std::span<const Native> unit_natives() {
  return kNatives;
}

}  // namespace kql::natives
