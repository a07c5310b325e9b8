"""The widgets of the host behave as Slicer's do where the project uses them."""

from __future__ import annotations

import ctk
import pytest
import qt
import slicer

FORM = """<ui version="4.0"><class>Panel</class>
<widget class="qMRMLWidget" name="Panel"><layout class="QVBoxLayout">
 <item><widget class="ctkCollapsibleButton" name="inputs"><property name="text"><string>Inputs</string></property>
  <layout class="QFormLayout">
   <item row="0" column="0"><widget class="QLabel" name="volumeLabel"/></item>
   <item row="0" column="1"><widget class="qMRMLNodeComboBox" name="volume">
     <property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
     <property name="noneEnabled"><bool>true</bool></property></widget></item>
   <item row="1" column="1"><widget class="ctkSliderWidget" name="threshold">
     <property name="maximum"><double>1.0</double></property>
     <property name="singleStep"><double>0.01</double></property>
     <property name="value"><double>0.5</double></property></widget></item>
  </layout></widget></item>
</layout></widget>
<customwidgets>
 <customwidget><class>qMRMLWidget</class><extends>QWidget</extends><header>q.h</header></customwidget>
 <customwidget><class>ctkCollapsibleButton</class><extends>QWidget</extends><header>q.h</header></customwidget>
 <customwidget><class>qMRMLNodeComboBox</class><extends>QWidget</extends><header>q.h</header></customwidget>
 <customwidget><class>ctkSliderWidget</class><extends>QWidget</extends><header>q.h</header></customwidget>
</customwidgets>
<connections><connection><sender>Panel</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>
 <receiver>volume</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"""


@pytest.fixture
def form(desktop, tmp_path):
    file = tmp_path / "Panel.ui"
    file.write_text(FORM)
    return slicer.util.loadUI(str(file))


def test_a_form_is_built_with_its_properties_and_connections(desktop, form) -> None:
    ui = slicer.util.childWidgetVariables(form)
    form.setMRMLScene(desktop.scene)
    node = desktop.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
    heard = []
    ui.volume.connect("currentNodeChanged(vtkMRMLNode*)", heard.append)
    ui.volume.connect("currentNodeChanged(bool)", heard.append)

    ui.volume.setCurrentNode(node)

    assert heard == [node, True]
    assert ui.inputs.text == "Inputs"
    assert (ui.threshold.value, ui.threshold.maximum) == (0.5, 1.0)
    assert ui.volume.nodeTypes == ("vtkMRMLScalarVolumeNode",)


def test_a_form_with_an_unknown_widget_is_refused(tmp_path) -> None:
    file = tmp_path / "Panel.ui"
    file.write_text(FORM.replace("ctkSliderWidget", "ctkSlidrWidget"))

    with pytest.raises(ValueError, match="ctkSlidrWidget"):
        slicer.util.loadUI(str(file))


def test_a_node_that_is_removed_is_no_longer_chosen(desktop) -> None:
    nodes = slicer.qMRMLNodeComboBox()
    nodes.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    nodes.setMRMLScene(desktop.scene)
    first, second = (desktop.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode") for _ in range(2))
    nodes.setCurrentNode(second)

    desktop.scene.RemoveNode(second)
    assert nodes.currentNode() is first
    desktop.close_scene()
    assert nodes.currentNode() is None


@pytest.mark.parametrize(
    "use",
    [
        lambda: setattr(qt.QLabel(), "txt", "x"),
        lambda: setattr(ctk.ctkSliderWidget(), "maximun", 3),
        lambda: ctk.ctkSliderWidget().setMaximum(3),
        lambda: setattr(qt.QLabel(), "sizeHint", qt.QSize(1, 1)),
        lambda: qt.QPushButton().connect("clickd()", print),
        lambda: qt.QPushButton().connect("clicked(int,int)", print),
        lambda: qt.QLabell(),
        lambda: setattr(qt.QTimer(), "singleShot", True),
    ],
)
def test_what_the_desktop_does_not_have_is_refused(use) -> None:
    with pytest.raises(AttributeError):
        use()


def test_properties_are_attributes(desktop) -> None:
    label = qt.QLabel("text")

    label.text = "other"

    assert (label.text, label.enabled, label.objectName) == ("other", True, "")
    with pytest.raises(TypeError):
        label.text()
    with pytest.raises(ValueError, match="QPixmap"):
        label.pixmap = "not a picture"


def test_a_signal_passes_what_the_action_asks_for(desktop) -> None:
    button, heard = qt.QPushButton(), []
    button.setCheckable(True)

    def named(checked):
        heard.append(checked)

    button.connect("clicked(bool)", named)
    button.connect("clicked(bool)", lambda: heard.append("none"))
    button.connect("clicked(bool)", lambda checked=7: heard.append(checked))
    button.click()
    assert heard == [True, "none", 7]

    assert button.disconnect("clicked(bool)", named)
    assert not button.disconnect("clicked(bool)", named)
    button.click()
    assert heard[3:] == ["none", 7]


def test_a_range_keeps_its_order(desktop) -> None:
    values, heard = ctk.ctkRangeWidget(), []
    values.setRange(-1000, 1000)
    values.connect("valuesChanged(double,double)", lambda *both: heard.append(both))

    values.setValues(-50, 200)
    values.minimumValue = 300

    assert heard == [(-50, 200), (300, 300)]


def test_a_segment_is_chosen_from_the_segmentation(desktop) -> None:
    node = desktop.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    first, second = (node.GetSegmentation().AddEmptySegment(name, name) for name in ("liver", "spleen"))
    selector, heard = slicer.qMRMLSegmentSelectorWidget(), []
    selector.setMRMLScene(desktop.scene)
    selector.connect("currentSegmentChanged(QString)", heard.append)

    selector.setCurrentNode(node)
    selector.setCurrentSegmentID(second)
    node.GetSegmentation().RemoveSegment(second)

    assert selector.segmentIDs() == (first,)
    assert selector.currentSegmentID() == ""
    assert heard == [second, ""]


def test_the_place_button_places_and_ends_with_the_mode(desktop) -> None:
    node = desktop.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")
    node.CreateDefaultDisplayNodes()
    place, heard = slicer.qSlicerMarkupsPlaceWidget(), []
    place.setMRMLScene(desktop.scene)
    place.setCurrentNode(node)
    place.connect("activeMarkupsPlaceModeChanged(bool)", heard.append)
    desktop.view()

    place.placeButton().click()
    desktop.mouse().click((200, 200))

    assert node.GetNumberOfDefinedControlPoints() == 1
    assert heard == [True, False]
    assert not place.placeModeEnabled


def test_a_slider_keeps_its_number_and_tells_it(desktop) -> None:
    slider, heard = ctk.ctkSliderWidget(), []
    slider.connect("valueChanged(double)", heard.append)
    slider.maximum, slider.singleStep = 1, 0.01

    slider.value = 0.25
    slider.value = 7

    assert heard == [0.25, 1.0]


def test_a_collapsed_button_hides_what_it_holds(desktop) -> None:
    button, heard = ctk.ctkCollapsibleButton(), []
    layout = qt.QVBoxLayout(button)
    label = qt.QLabel("inside")
    layout.addWidget(label)
    button.connect("contentsCollapsed(bool)", heard.append)
    open_height = button.sizeHint().height()

    button.collapsed = True

    assert heard == [True]
    assert not label.isVisibleTo(button)
    assert button.sizeHint().height() < open_height
