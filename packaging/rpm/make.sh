#!/bin/bash
# An .rpm of what was staged, one of its symbols, and one of what is for reading. packaging/build.sh calls it, and
# says there what it tells.
set -eu
: "${arch:?}" "${version:?}" "${release:?}" "${maintainer:?}" "${out:?}" "${work:?}" "${SOURCE_DATE_EPOCH:?}"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
source=$here/../..
tree=$work/rpm/tree
case $arch in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
armhf) machine=armv7hl ;;
esac
package=dray-$version-$release.$machine.rpm

rm -rf "$work/rpm"
mkdir -p "$work/rpm"
cp -a "$work/stage" "$tree"
cp -a "$work/symbols/." "$tree"
cp -a "$work/doc/." "$tree"
install -d "$tree/var/lib/dray"
install -D -m 644 "$source/LICENSE" "$tree/usr/share/licenses/dray/LICENSE"
gzip -9n <"$source/CHANGELOG.md" >"$tree/usr/share/doc/dray/CHANGELOG.md.gz"
"$source/packaging/sbom.py" >"$out/$package.spdx.json"
install -m 644 "$out/$package.spdx.json" "$tree/usr/share/doc/dray/dray.spdx.json"
"$source/packaging/changelog.sh" rpm "$release" "$maintainer" >"$work/rpm/changelog"
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

rpmbuild -bb --target "$machine-linux" --define "_topdir $work/rpm" --define "_rpmdir $out" \
	--define "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" \
	--define "dray_version $version" --define "dray_release $release" --define "dray_tree $tree" \
	--define "dray_packager $maintainer" --define "dray_changelog $work/rpm/changelog" \
	"$here/dray.spec"
